/**
 * One run: nodes on one log, clients of every kind, and random faults, all from one seed. The run
 * checks the guarantee at each commit of each client; when the faults have stopped, every client
 * must converge.
 */
import { createHash } from "node:crypto";
import type { CarrierName } from "../src/client/index.ts";
import type { Commit } from "../src/log/log.ts";
import { seededRandom, type Random } from "../src/std/random.ts";
import { FAULTS, FaultCounts, type Fault } from "./faults.ts";
import { SimClient, Violation } from "./clients.ts";
import { MalformedClient } from "./malformed-client.ts";
import { REVIEWS, SimDatabase } from "./database.ts";
import { DERIVED } from "./derived.ts";

import {
  edit,
  keepCheckpoints,
  readDatabase,
  runVersionedSource,
  write,
  type ActingWorld,
} from "./actors.ts";
import { SimNode } from "./node.ts";
import { textOf } from "./row-text.ts";
import { Oracle } from "./oracle.ts";
import { ActorClock, Scheduler } from "./scheduler.ts";
import { NodeLog, SharedLog } from "./shared-log.ts";
import { SlowReader } from "./slow-reader.ts";
import { FaultInjector, unstall, type FaultyWorld } from "./fault-injector.ts";
import { STOCK, stockDeclaration, VERSIONED_SOURCE, VersionedSource } from "./versioned-source.ts";
import { rowOf } from "./writers.ts";
import { DECLARATIONS, OWN_DECLARATIONS, pick, Rights, TABLES_BYTES_MAX } from "./workload.ts";

export interface RunOptions {
  readonly seed: number;
  /** Default: chosen by the seed, mostly 10 to 17, for every 50th seed 200. */
  readonly clients?: number | undefined;
  /** How long faults strike, in simulated milliseconds. Default 8,000. */
  readonly chaosMs?: number | undefined;
  readonly faults?: readonly Fault[] | undefined;
  /** Prints all frames between this client and its nodes. */
  readonly traced?: number | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly failure: string | undefined;
  /** The step and the time at which the run failed or ended. */
  readonly step: number;
  readonly atMs: number;
  readonly checks: number;
  readonly traceHash: string;
  readonly faults: ReadonlyMap<Fault, number>;
  readonly clients: number;
  readonly chaosMs: number;
}

const CHAOS_MS = 8_000;
/** Every client must have converged this long after the last fault. */
const CONVERGE_MS_MAX = 60_000;

export async function run(options: RunOptions): Promise<RunResult> {
  const world = new World(options);
  const failure = await world.live();
  return {
    seed: options.seed,
    failure,
    step: world.scheduler.steps,
    atMs: Math.round(world.scheduler.nowMs),
    checks: world.checks,
    traceHash: world.traceHash,
    faults: world.faults.counts,
    clients: world.clientCount,
    chaosMs: world.chaosMs,
  };
}

class World implements FaultyWorld, ActingWorld {
  readonly scheduler = new Scheduler();
  readonly faults: FaultCounts;
  readonly chaosMs: number;
  readonly clientCount: number;
  readonly #seed: number;
  readonly #oracle: Oracle;
  /** Each fifth run has derived tables. */
  readonly #hasDerived: boolean;
  readonly rights = new Rights();
  readonly database: SimDatabase;
  readonly nodes: SimNode[] = [];
  readonly clients: SimClient[] = [];
  readonly #malformedClients: MalformedClient[] = [];
  readonly #trace = createHash("sha256");
  readonly #traced: number | undefined;
  #epochs = 0;
  readonly log: SharedLog;
  readonly versionedSource: VersionedSource;
  #faultRate: number;
  /** The epoch and seq of the last write. */
  #written = { epoch: "", seq: 0 };
  readonly #faultInjector: FaultInjector;
  #failure: string | undefined;
  #slowReader: SlowReader | undefined;

  constructor({ seed, clients, chaosMs = CHAOS_MS, faults = FAULTS, traced }: RunOptions) {
    this.#traced = traced;
    this.#seed = seed;
    this.#hasDerived = seed % 5 === 0;
    this.#oracle = new Oracle(this.#hasDerived);
    this.chaosMs = chaosMs;
    this.faults = new FaultCounts(new Set(faults));
    this.clientCount =
      clients ?? (seed % 50 === 0 ? 200 : 10 + Math.floor(this.fork("size").next() * 8));
    this.#faultRate = this.fork("rate").next() * 0.02;
    this.database = new SimDatabase(this.fork("database"), this.faults);
    for (let number = 0; number < 6; number++)
      this.database.set(`r${number}`, rowOf({ key: `r${number}`, value: `first-${number}` }));
    this.versionedSource = new VersionedSource(this.fork("versioned source"));
    this.log = new SharedLog({
      nextEpoch: () => `epoch${++this.#epochs}`,
      onCommit: (epoch, commit) => this.#noteCommit(epoch, commit),
      onEpoch: (before, after, seq) => this.#oracle.branch(before, after, seq),
    });
    this.begin();
    this.#faultInjector = new FaultInjector(this);
  }

  get checks(): number {
    return this.clients.reduce((sum, { checks }) => sum + checks, 0);
  }

  get traceHash(): string {
    return this.#trace.copy().digest("hex").slice(0, 16);
  }

  /** Returns what went wrong; undefined when nothing did. */
  async live(): Promise<string | undefined> {
    const onError = (error: unknown): void => this.#fail(error);
    process.on("uncaughtException", onError);
    process.on("unhandledRejection", onError);
    try {
      for (let index = 0; index < 2; index++) this.startNode(index);
      for (let index = 0; index < this.clientCount; index++) this.#startClient(index);
      write(this);
      readDatabase(this);
      runVersionedSource(this);
      keepCheckpoints(this);
      this.#readSlowly();
      edit(this);
      this.#faultInjector.begin();
      await this.scheduler.run(this.chaosMs, () => this.#failure !== undefined);
      await this.#converge();
    } catch (error) {
      this.#fail(error);
    } finally {
      for (const client of this.clients) client.close();
      process.off("uncaughtException", onError);
      process.off("unhandledRejection", onError);
    }
    return this.#failure;
  }

  #fail(error: unknown): void {
    this.#failure ??=
      error instanceof Violation
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
  }

  fork(name: string): Random {
    let hash = this.#seed;
    for (let index = 0; index < name.length; index++)
      hash = Math.imul(hash ^ name.charCodeAt(index), 2_654_435_761);
    return seededRandom(hash);
  }

  /**
   * Appends the first commits of a history: the program's channels, and all rows of the sources.
   */
  begin(): void {
    this.append({
      changes: [],
      declares: OWN_DECLARATIONS,
      tablesBytesMax: TABLES_BYTES_MAX,
    });
    this.readWholeDatabase();
    this.append({
      changes: [this.versionedSource.changesAfter(undefined)],
      source: VERSIONED_SOURCE,
      sourcePosition: String(this.versionedSource.version),
      declares: [stockDeclaration(this.versionedSource.isLarge)],
      status: [{ status: { status: "live" } }],
    });
  }

  readWholeDatabase(): void {
    this.append({
      ...(this.database.read(true) ?? { changes: [] }),
      declares: DECLARATIONS.filter(({ name }) => name === REVIEWS),
    });
  }

  append(
    draft: Parameters<SharedLog["append"]>[0],
    expect?: Parameters<SharedLog["append"]>[2],
  ): void {
    const seq = this.log.append(draft, this.#unixMs, expect);
    this.#written = { epoch: this.log.epoch, seq };
  }

  get #unixMs(): number {
    return 1_700_000_000_000 + Math.floor(this.scheduler.nowMs);
  }

  /**
   * Checks that each commit of the versioned source leaves the log's rows equal to that version.
   */
  #noteCommit(epoch: string, commit: Commit): void {
    this.#oracle.note(epoch, commit);
    if (commit.source !== VERSIONED_SOURCE || commit.sourcePosition === undefined) return;
    const truth = this.versionedSource.rowsAt(Number(commit.sourcePosition));
    const rows = new Map(this.#oracle.rows(epoch, commit.seq, { channel: STOCK }, () => true));
    const wrong = [...new Set([...rows.keys(), ...(truth?.keys() ?? [])])].filter((key) => {
      const [row, other] = [rows.get(key), truth?.get(key)];
      return row === undefined || other === undefined || textOf(row) !== textOf(other);
    });
    if (wrong.length > 0)
      this.#fail(
        new Violation(
          `at ${epoch}:${commit.seq} the log's ${STOCK} is not the source's at version ${commit.sourcePosition}: ${wrong.join(" ")}`,
        ),
      );
  }

  #note(client: number, line: string): void {
    this.#trace.update(`${this.scheduler.nowMs.toFixed(3)} ${client} ${line.slice(0, 80)}\n`);
    if (client === this.#traced) console.log(`${this.scheduler.nowMs.toFixed(1)} ${line}`);
  }

  startNode(index: number): void {
    const random = this.fork(`node ${index} ${this.scheduler.steps}`);
    this.nodes[index] = new SimNode({
      scheduler: this.scheduler,
      random,
      faults: this.faults,
      log: this.log,
      skewMs: Math.floor(random.next() * 400) - 200,
      delayMs: () =>
        random.next() * 10 +
        (random.next() < 0.02 &&
        this.areFaultsActive &&
        this.faults.happens("node behind the others")
          ? 1_500
          : 0),
      rights: this.rights,
      hasDerived: this.#hasDerived,
      database: this.database,
      versionedSource: this.versionedSource,
      nowMs: () => this.#unixMs,
      onLookUp: (user, lookUpMs) => this.#faultInjector.lookedUp(user, lookUpMs),
    });
  }

  #startClient(index: number): void {
    const random = this.fork(`client ${index}`);
    const clock = new ActorClock(this.scheduler, {
      skewMs: Math.floor(random.next() * 60_000) - 30_000,
    });
    const shared = {
      scheduler: this.scheduler,
      random,
      faults: this.faults,
      clock,
      trace: (line: string) => this.#note(index, line),
      node: () => pickAlive(random, this.nodes),
      faultRate: () => (this.areFaultsActive ? this.#faultRate : 0),
    };
    if (index % 8 === 7) {
      this.#malformedClients.push(new MalformedClient(shared));
      return;
    }
    const all: readonly CarrierName[] = ["websocket", "sse", "long-poll", "poll"];
    const first = random.next() < 0.6 ? 0 : Math.floor(random.next() * 4);
    const client = new SimClient({
      ...shared,
      name: `c${index}`,
      oracle: this.#oracle,
      derived: this.#hasDerived ? DERIVED : [],
      rights: this.rights,
      now: () => this.scheduler.nowMs,
      onViolation: (error) => this.#fail(error),
      // The first carrier is chosen at random. Clients that start with a WebSocket can also fall
      // back and upgrade.
      carriers: first === 0 ? all : all.slice(first),
    });
    client.network.refusesUpgrades = random.next() < 0.1;
    this.clients.push(client);
  }

  get areFaultsActive(): boolean {
    return this.scheduler.nowMs < this.chaosMs;
  }

  #readSlowly(): void {
    const random = this.fork("slow reader");
    const clock = new ActorClock(this.scheduler);
    const reader = new SlowReader({
      log: new NodeLog(this.log, clock, () => random.next() * 30),
      clock,
      random,
      faults: this.faults,
      onWrong: (error) => this.#fail(error),
    });
    this.#slowReader = reader;
  }

  async #converge(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.versionedSource.isReachable = true;
    this.database.isReachable = true;
    for (const client of this.clients) {
      client.readPace.frameMs = 0;
      unstall(client);
      client.pacing?.setHidden(false);
      client.network.refusesUpgrades = false;
    }
    let lookedMs = 0;
    // Comparing all views is expensive, so it is done ten times a second.
    const isDone = (): boolean => {
      if (this.#failure !== undefined) return true;
      if (this.scheduler.nowMs - lookedMs < 100) return false;
      lookedMs = this.scheduler.nowMs;
      return this.clients.every((client) => this.#hasConverged(client));
    };
    await this.scheduler.run(this.chaosMs + 2_000, () => this.#failure !== undefined);
    await this.scheduler.run(this.chaosMs + CONVERGE_MS_MAX, isDone);
    if (this.#failure !== undefined) return;
    for (const client of this.clients) client.check();
    for (const { user } of this.clients) {
      const wrong = user?.checkHistory(this.database);
      if (wrong !== undefined) throw new Violation(wrong);
    }
    const late = this.clients.filter((client) => !this.#hasConverged(client));
    if (this.#slowReader?.seen === 0)
      throw new Violation("the slow reader of the log has read nothing");
    if (late.length > 0) {
      throw new Violation(
        `not every client came to ${this.#written.epoch}:${this.#written.seq}:\n  ${late.map((client) => client.describe()).join("\n  ")}`,
      );
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
