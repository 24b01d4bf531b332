/**
 * One run: a store, and servers over it that are killed one after another while they start, write,
 * spill, forget, or stop. After each kill the next server is asked for everything.
 *
 * A seed gives the same rows and the same plan; the moment of a kill is as exact as a timer.
 */
import { fork, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { seededRandom, type Random } from "../../../src/std/random.ts";
import { startClickHouse, type ClickHouseServer } from "../clickhouse-server.ts";
import { makeFolder } from "../shared-folder.ts";
import { BOOK_KEYS, type Report, type Request, type SentCommit, type Trade } from "./channels.ts";
import { KeptCommits } from "./kept-commits.ts";

export const STORES = ["duckdb", "clickhouse"] as const;
export type StoreKind = (typeof STORES)[number];

/** When a server is killed. `failing`: while the store's writes fail, or soon after. */
const MOMENTS = ["starting", "writing", "spilling", "failing", "stopping"] as const;
type Moment = (typeof MOMENTS)[number];

export interface RunOptions {
  readonly seed: number;
  readonly kills: number;
  readonly store: StoreKind;
}

export interface RunResult {
  /** How often a server was killed at each moment. */
  readonly moments: ReadonlyMap<Moment, number>;
  readonly commits: number;
  readonly acknowledged: number;
  readonly rowsChecked: number;
}

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));

class KilledServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly opening: Promise<unknown>;
  readonly url: Promise<string>;
  readonly acknowledges: Promise<unknown>;

  constructor(args: readonly string[], onReport: (report: Report) => void) {
    this.#child = fork(SERVER, [...args], { execArgv: ["--import", "tsx"] });
    // After `close`, each message that was sent has come.
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.on("message", onReport);
    this.opening = this.#first((report) => report.kind === "opening" || undefined);
    this.url = this.#first((report) => {
      if (report.kind === "failed") throw new Error(`A server did not start: ${report.message}`);
      return report.kind === "ready" ? `http://127.0.0.1:${report.port}` : undefined;
    });
    this.acknowledges = this.#first((report) => report.kind === "acknowledged" || undefined);
    // Not every server that is killed is waited for.
    for (const promise of [this.opening, this.url, this.acknowledges]) promise.catch(() => {});
  }

  #first<T>(choose: (report: Report) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#child.on("message", (report: Report) => {
        try {
          const chosen = choose(report);
          if (chosen !== undefined) resolve(chosen);
        } catch (error) {
          reject(error as Error);
        }
      });
      void this.#ended.then(() => reject(new Error("A server ended before it was ready.")));
    });
  }

  ask(request: Request): void {
    if (this.#child.connected) this.#child.send(request);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

/** Throws when a promise was broken. */
export async function run({ seed, kills, store }: RunOptions): Promise<RunResult> {
  const random = seededRandom(seed);
  const folder = makeFolder("tidemark-kills-");
  const engine = store === "clickhouse" ? await startClickHouse() : undefined;
  const address = engine === undefined ? join(folder, "history.duckdb") : engine.url;
  const args = [store, address, join(folder, "spill")];
  const kept = new KeptCommits();
  const moments = new Map<Moment, number>();
  let sent = 0;
  const nextCommit = (rows: number): SentCommit => makeCommit(++sent, rows, random);
  let server: KilledServer | undefined;
  try {
    for (let kill = 0; kill <= kills; kill++) {
      server = new KilledServer(args, (report) => {
        if (report.kind === "acknowledged") kept.acknowledge(report.commit, report.seq);
      });
      const moment = MOMENTS[Math.floor(random.next() * MOMENTS.length)] as Moment;
      const isLast = kill === kills;
      if (isLast || moment !== "starting") await kept.verify(await server.url);
      if (isLast) break;
      await reach(moment, { server, kept, random, nextCommit });
      moments.set(moment, (moments.get(moment) ?? 0) + 1);
      const takesEngine = random.next() < 0.5;
      await Promise.all([server.kill(), takesEngine ? restart(engine) : undefined]);
    }
    const { count: commits, acknowledged, rowsChecked } = kept;
    return { moments, commits, acknowledged, rowsChecked };
  } finally {
    await server?.kill();
    await engine?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function restart(engine: ClickHouseServer | undefined): Promise<void> {
  await engine?.kill();
  await engine?.start();
}

interface Stage {
  readonly server: KilledServer;
  readonly kept: KeptCommits;
  readonly random: Random;
  /** Its number is larger than all before it, those of lost commits included. */
  readonly nextCommit: (rows: number) => SentCommit;
}

/** Resolves when it is time for the kill. */
async function reach(moment: Moment, { server, kept, random, nextCommit }: Stage): Promise<void> {
  if (moment === "starting") {
    await server.opening;
    await sleep(random.next() * 150);
    return;
  }
  const send = (rows: number): void => {
    const sent = nextCommit(rows);
    kept.send(sent);
    server.ask({ kind: "commit", sent });
  };
  if (moment === "failing") server.ask({ kind: "fail", isFailing: true });
  // A burst is more than memory may hold, so it spills.
  const [commits, rows] = moment === "writing" ? [30, 4] : [60, 12];
  const pauses = moment === "spilling" ? 0 : random.next() * 10;
  for (let count = Math.ceil(random.next() * commits); count > 0; count--) {
    send(1 + Math.floor(random.next() * rows));
    if (pauses > 1) await sleep(pauses);
  }
  const succeeds = moment !== "failing" || random.next() < 0.7;
  if (moment === "failing" && succeeds) {
    await sleep(random.next() * 50);
    server.ask({ kind: "fail", isFailing: false });
  }
  if (moment === "stopping") server.ask({ kind: "stop" });
  else if (succeeds && random.next() < 0.7) await server.acknowledges;
  await sleep(random.next() * 200);
}

function makeCommit(commit: number, rows: number, random: Random): SentCommit {
  const trades = (prefix: string, count: number): readonly Trade[] =>
    Array.from({ length: count }, (_, index) => ({
      id: `${prefix}${String(commit).padStart(6, "0")}-${String(index).padStart(2, "0")}`,
      commit,
      symbol: `s${Math.floor(random.next() * 4)}`,
      size: (Math.floor(random.next() * 100_000) / 100).toFixed(2),
      note: `${random.id(8)} ü 🙂 "${"x".repeat(Math.floor(random.next() * 80))}`,
    }));
  const prices = new Set<string>();
  for (let index = 0; index < rows; index++)
    prices.add(`p${String(Math.floor(random.next() * BOOK_KEYS)).padStart(3, "0")}`);
  const [removed = "", ...changed] = [...prices];
  return {
    commit,
    trades: trades("t", rows),
    levels: changed.sort().map((price) => ({ price, commit, quantity: random.next() })),
    removedPrices: random.next() < 0.5 ? [removed] : [],
    recent: trades("r", Math.floor(random.next() * 2 * rows)),
  };
}
