/**
 * One run: nodes on one log, clients of every kind, faults by chance, all from one seed. At each commit
 * of each client the guarantee is checked; when the faults have stopped, everyone has to converge.
 */
import { createHash } from "node:crypto";
import type { CarrierName } from "../src/client/index.ts";
import { seededRandom, type Random } from "../src/std/random.ts";
import { FAULTS, FaultCounts, type Fault } from "./faults.ts";
import { SimClient, Violation, WireLiar } from "./clients.ts";
import { SimDatabase } from "./database.ts";
import { SimNode } from "./node.ts";
import { Oracle } from "./oracle.ts";
import { ActorClock, Scheduler } from "./scheduler.ts";
import { SharedLog } from "./shared-log.ts";
import { rowOf } from "./writers.ts";
import { DECLARATIONS, pick, randomDraft, Rights, SOURCED, SYMBOLS } from "./workload.ts";

export interface RunOptions {
  readonly seed: number;
  /** Default: by the seed, mostly 10 to 20, now and then 200. */
  readonly clients?: number | undefined;
  /** How long faults happen, in simulated milliseconds. Default 8,000. */
  readonly chaosMs?: number | undefined;
  readonly faults?: readonly Fault[] | undefined;
  /** Prints everything that passes between this client and its nodes. */
  readonly traced?: number | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly failure: string | undefined;
  /** The step at which it failed or ended, and the time then. */
  readonly step: number;
  readonly atMs: number;
  readonly checks: number;
  readonly traceHash: string;
  readonly faults: ReadonlyMap<Fault, number>;
  readonly clients: number;
  readonly chaosMs: number;
}

const CHAOS_MS = 8_000;
/** Everyone must have converged this long after the last fault. */
const CALM_MS_MAX = 60_000;

export async function run(options: RunOptions): Promise<RunResult> {
  const world = new World(options);
  const failure = await world.live();
  return {
    seed: options.seed, failure, step: world.scheduler.steps, atMs: Math.round(world.scheduler.nowMs),
    checks: world.checks, traceHash: world.traceHash, faults: world.faults.counts, clients: world.clientCount, chaosMs: world.chaosMs,
  };
}

class World {
  readonly scheduler = new Scheduler();
  readonly faults: FaultCounts;
  readonly chaosMs: number;
  readonly clientCount: number;
  readonly #seed: number;
  readonly #oracle = new Oracle(DECLARATIONS);
  readonly #rights = new Rights();
  readonly #database: SimDatabase;
  readonly #nodes: SimNode[] = [];
  readonly #clients: SimClient[] = [];
  readonly #liars: WireLiar[] = [];
  readonly #trace = createHash("sha256");
  readonly #traced: number | undefined;
  #epochs = 0;
  #log: SharedLog;
  #faultRate: number;
  #isSourceAlive = true;
  /** Where the last write landed; nodes go on ticking after it. */
  #written = { epoch: "", seq: 0 };
  #failure: string | undefined;

  constructor({ seed, clients, chaosMs = CHAOS_MS, faults = FAULTS, traced }: RunOptions) {
    this.#traced = traced;
    this.#seed = seed;
    this.chaosMs = chaosMs;
    this.faults = new FaultCounts(new Set(faults));
    this.clientCount = clients ?? (seed % 50 === 0 ? 200 : 10 + Math.floor(this.#fork("size").next() * 8));
    this.#faultRate = this.#fork("rate").next() * 0.02;
    this.#database = new SimDatabase(this.#fork("database"), this.faults);
    for (let number = 0; number < 6; number++) this.#database.set(`r${number}`, rowOf({ key: `r${number}`, value: `first-${number}` }));
    this.#log = this.#newLog();
  }

  get checks(): number {
    return this.#clients.reduce((sum, { checks }) => sum + checks, 0);
  }

  get traceHash(): string {
    return this.#trace.copy().digest("hex").slice(0, 16);
  }

  /** Returns what went wrong, if anything did. */
  async live(): Promise<string | undefined> {
    const onError = (error: unknown): void => this.#fail(error);
    process.on("uncaughtException", onError);
    process.on("unhandledRejection", onError);
    try {
      for (let index = 0; index < 2; index++) this.#startNode(index);
      for (let index = 0; index < this.clientCount; index++) this.#startClient(index);
      this.#write();
      this.#readDatabase();
      this.#edit();
      this.#trouble();
      await this.scheduler.run(this.chaosMs, () => this.#failure !== undefined);
      await this.#calm();
    } catch (error) {
      this.#fail(error);
    } finally {
      for (const client of this.#clients) client.close();
      process.off("uncaughtException", onError);
      process.off("unhandledRejection", onError);
    }
    return this.#failure;
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Violation ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  }

  #fork(name: string): Random {
    let hash = this.#seed;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 2_654_435_761);
    return seededRandom(hash);
  }

  #newLog(): SharedLog {
    const epoch = `epoch${++this.#epochs}`;
    const log = new SharedLog(epoch, (commit) => this.#oracle.note(epoch, commit));
    log.append(this.#database.read(true) ?? { changes: [] }, 1_700_000_000_000 + Math.floor(this.scheduler.nowMs));
    return log;
  }

  #note(client: number, line: string): void {
    this.#trace.update(`${this.scheduler.nowMs.toFixed(3)} ${client} ${line.slice(0, 80)}\n`);
    if (client === this.#traced) console.log(`${this.scheduler.nowMs.toFixed(1)} ${line}`);
  }

  #startNode(index: number): void {
    const random = this.#fork(`node ${index} ${this.scheduler.steps}`);
    this.#nodes[index] = new SimNode({
      scheduler: this.scheduler, random, log: this.#log, skewMs: Math.floor(random.next() * 400) - 200,
      delayMs: () => random.next() * 10 + (random.next() < 0.02 && this.#isTrouble && this.faults.happens("node behind the others") ? 1_500 : 0),
      declarations: DECLARATIONS, sourced: SOURCED, policies: new Map([["orders", this.#rights.policy]]), database: this.#database,
    });
    this.#nodes[index].setSourceHealth(this.#isSourceAlive);
  }

  #startClient(index: number): void {
    const random = this.#fork(`client ${index}`);
    const clock = new ActorClock(this.scheduler, { skewMs: Math.floor(random.next() * 60_000) - 30_000 });
    const shared = {
      scheduler: this.scheduler, random, faults: this.faults, clock,
      trace: (line: string) => this.#note(index, line),
      node: () => pickAlive(random, this.#nodes),
      faultRate: () => (this.#isTrouble ? this.#faultRate : 0),
    };
    if (index % 8 === 7) {
      this.#liars.push(new WireLiar(shared));
      return;
    }
    const all: readonly CarrierName[] = ["websocket", "sse", "long-poll", "poll"];
    const first = random.next() < 0.6 ? 0 : Math.floor(random.next() * 4);
    const client = new SimClient({
      ...shared, name: `c${index}`, oracle: this.#oracle, rights: this.#rights, now: () => this.scheduler.nowMs,
      onViolation: (error) => this.#fail(error),
      // Each begins with another carrier; those that begin with a WebSocket can also fall back and climb.
      carriers: first === 0 ? all : all.slice(first),
    });
    client.network.refusesUpgrades = random.next() < 0.1;
    this.#clients.push(client);
  }

  get #isTrouble(): boolean {
    return this.scheduler.nowMs < this.chaosMs;
  }

  #write(): void {
    const random = this.#fork("writer");
    const next = (): void => {
      const seq = this.#log.append(randomDraft(random, this.faults, this.#isSourceAlive), 1_700_000_000_000 + Math.floor(this.scheduler.nowMs));
      this.#written = { epoch: this.#log.epoch, seq };
      // It goes on a while after the trouble, so that what is left of it shows.
      if (this.scheduler.nowMs < this.chaosMs + 1_500) this.scheduler.at(this.scheduler.nowMs + (random.next() < 0.2 ? random.next() * 400 : random.next() * 60), next);
    };
    next();
  }

  /** The reader of the database: what was committed comes some time later, several at once. */
  #readDatabase(): void {
    const random = this.#fork("reader");
    const next = (): void => {
      const draft = this.#database.read(false);
      if (draft !== undefined) {
        const seq = this.#log.append(draft, 1_700_000_000_000 + Math.floor(this.scheduler.nowMs));
        this.#written = { epoch: this.#log.epoch, seq };
      }
      this.scheduler.at(this.scheduler.nowMs + 4 + random.next() * (random.next() < 0.1 ? 400 : 30), next);
    };
    next();
  }

  /** Users edit through their clients, and someone edits beside them. */
  #edit(): void {
    const random = this.#fork("editor");
    const users = this.#clients.filter(({ user }) => user !== undefined);
    let count = 0;
    const next = (): void => {
      if (!this.#isTrouble) return;
      if (random.next() < 0.2 || users.length === 0) {
        const key = `r${Math.floor(random.next() * 8)}`;
        this.#database.set(key, random.next() < 0.1 ? undefined : rowOf({ key, value: `other-${++count}` }));
      } else {
        const { user, clock } = pick(random, users);
        // Nobody edits on a machine that sleeps.
        if (!clock.isPaused) user?.edit();
      }
      this.scheduler.at(this.scheduler.nowMs + random.next() * 200, next);
    };
    this.scheduler.at(200, next);
  }

  #trouble(): void {
    const random = this.#fork("trouble");
    const next = (): void => {
      if (!this.#isTrouble) return;
      this.#strike(random);
      this.scheduler.at(this.scheduler.nowMs + random.next() * 300, next);
    };
    this.scheduler.at(500, next);
  }

  #strike(random: Random): void {
    if (random.next() < 0.12) this.#strikeNode(random);
    else this.#strikeClient(random, pick(random, this.#clients));
  }

  #strikeNode(random: Random): void {
    const index = Math.floor(random.next() * this.#nodes.length);
    const node = this.#nodes[index] as SimNode;
    const happens = (fault: Fault): boolean => this.faults.happens(fault);
    const choice = random.next();
    if (choice < 0.3 && happens("node killed and restarted")) this.#restart(index, random.next() * 800);
    else if (choice < 0.38 && happens("log lost")) {
      this.#log = this.#newLog();
      this.#nodes.forEach((_node, each) => this.#restart(each, random.next() * 500));
    } else if (choice < 0.5 && happens("node paused")) node.clock.pause(random.next() * 2_000);
    else if (choice < 0.6 && happens("node's clock set wrong")) node.clock.jump((random.next() - 0.5) * 20_000);
    else if (choice < 0.75 && happens("source gone and back")) this.#loseSource(random.next() * 3_000);
    else if (choice < 0.85) this.#revoke(random);
    else if (choice < 0.95) {
      this.#database.isReachable = false;
      this.scheduler.at(this.scheduler.nowMs + random.next() * 2_000, () => { this.#database.isReachable = true; });
    }
  }

  #strikeClient(random: Random, client: SimClient): void {
    const happens = (fault: Fault): boolean => this.faults.happens(fault);
    const { current } = client.network;
    const later = (maxMs: number, undo: () => void): void => void this.scheduler.at(this.scheduler.nowMs + random.next() * maxMs, undo);
    switch (Math.floor(random.next() * 12)) {
      case 0:
        if (current !== undefined && happens("cut while open")) current.cut();
        return;
      case 1:
        if (current !== undefined && happens("half-open connection")) current.isHalfOpen = true;
        return;
      case 2:
        if (current !== undefined && happens("proxy keeps frames back")) current.keepBack(random.next() * 3_000);
        return;
      case 3:
        if (!happens("slow client")) return;
        client.reading.frameMs = random.next() * 200;
        return later(4_000, () => { client.reading.frameMs = 0; });
      case 4:
        if (!happens("stalled client")) return;
        client.reading.isStalled = true;
        return later(4_000, () => this.#unstall(client));
      case 5:
        if (happens("client's clock jumps forward")) client.clock.jump(random.next() * 3_600_000);
        return;
      case 6:
        if (happens("client's clock jumps back")) client.clock.jump(-random.next() * 3_600_000);
        return;
      case 7:
        if (happens("client asleep")) client.clock.pause(random.next() * 6_000);
        return;
      case 8:
        if (client.pacing === undefined || !happens("tab hidden")) return;
        client.pacing.setHidden(true);
        return later(6_000, () => client.pacing?.setHidden(false));
      case 9:
        if (happens("view dropped and made again")) client.change();
        return;
      case 10:
        if (happens("network back")) client.client.online();
        return;
      default:
        client.network.refusesUpgrades = !client.network.refusesUpgrades;
    }
  }

  #unstall(client: SimClient): void {
    client.reading.isStalled = false;
    client.network.current?.resume();
  }

  #restart(index: number, downMs: number): void {
    this.#nodes[index]?.kill();
    this.scheduler.at(this.scheduler.nowMs + downMs, () => {
      if (this.#nodes[index]?.isAlive !== true) this.#startNode(index);
    });
  }

  #loseSource(forMs: number): void {
    this.#isSourceAlive = false;
    for (const node of this.#nodes) if (node.isAlive) node.setSourceHealth(false);
    this.scheduler.at(this.scheduler.nowMs + forMs, () => this.#healSource());
  }

  #healSource(): void {
    this.#isSourceAlive = true;
    for (const node of this.#nodes) if (node.isAlive) node.setSourceHealth(true);
  }

  #revoke(random: Random): void {
    const client = pick(random, this.#clients);
    if (!this.faults.happens("rights revoked")) return;
    this.#rights.set(client.name, random.next() < 0.3 ? undefined : pick(random, SYMBOLS), this.scheduler.nowMs);
    for (const node of this.#nodes) if (node.isAlive) node.engine.gateway.invalidate({ user: client.name });
  }

  /** The faults have stopped: everyone comes to the head of the log, and everything is right there. */
  async #calm(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#healSource();
    this.#database.isReachable = true;
    for (const client of this.#clients) {
      client.reading.frameMs = 0;
      this.#unstall(client);
      client.pacing?.setHidden(false);
      client.network.refusesUpgrades = false;
    }
    let lookedMs = 0;
    // Comparing everything is dear, so it is done ten times a second.
    const isDone = (): boolean => {
      if (this.#failure !== undefined) return true;
      if (this.scheduler.nowMs - lookedMs < 100) return false;
      lookedMs = this.scheduler.nowMs;
      return this.#clients.every((client) => this.#hasConverged(client));
    };
    await this.scheduler.run(this.chaosMs + 2_000, () => this.#failure !== undefined);
    await this.scheduler.run(this.chaosMs + CALM_MS_MAX, isDone);
    if (this.#failure !== undefined) return;
    for (const client of this.#clients) client.check();
    for (const { user } of this.#clients) {
      const wrong = user?.judge(this.#database);
      if (wrong !== undefined) throw new Violation(wrong);
    }
    const late = this.#clients.filter((client) => !this.#hasConverged(client));
    if (late.length > 0) {
      throw new Violation(`not everyone came to ${this.#written.epoch}:${this.#written.seq}:\n  ${late.map((client) => client.describe()).join("\n  ")}`);
    }
  }

  #hasConverged(client: SimClient): boolean {
    return client.isConverged(this.#written.epoch, this.#written.seq);
  }
}

function pickAlive(random: Random, nodes: readonly SimNode[]): SimNode | undefined {
  const alive = nodes.filter(({ isAlive }) => isAlive);
  return alive.length === 0 ? undefined : pick(random, alive);
}
