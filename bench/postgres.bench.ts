/**
 * Postgres: the latency from the commit of a transaction to the client's store, in an open loop with
 * independent arrivals: at 20, 200 and 2,000 transactions/s, and for single transactions that wake a
 * reader that sleeps. The server has one core to itself as far as Linux allows (`taskset`). Prints
 * the parts of the way, the CPU time per transaction, and in the same run what programs get without
 * a library: a trigger that notifies with the row, and `ws`. Medians of three rounds in turn.
 */
import { readFileSync } from "node:fs";
import pg from "pg";
import { WebSocket } from "ws";
import { createClient } from "../src/client/node.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { startChild, type Child } from "./support/child.ts";
import { fixed, machine, median, percentile, table } from "./support/report.ts";
import type { ReadTimes } from "./support/postgres-node.ts";
import { sharedClockMs } from "./support/shared-clock.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const SECONDS = 4;
const RATES = [20, 200, 2_000];
const WAKINGS = 8;
/** Longer than the reader's quiet second. */
const ASLEEP_AFTER_MS = 1_300;
const IDLE_MS = 4_000;
const KEYS = 1_000;
const WRITERS = 8;
const TICK_MS = 10;

const KINDS = ["tidemark", "notify"] as const;
type Kind = (typeof KINDS)[number];

/** The parts of a change's way to the client, of which the first begins with the commit. */
const PARTS = ["until it is read", "read", "until it arrives", "until it is shown"] as const;

type Load = { readonly perSecond: number } | { readonly pausesMs: readonly number[] };

interface NodeTimes {
  readonly reads: readonly ReadTimes[];
  readonly cpuMs: number;
}

interface Phase {
  readonly latencies: readonly number[];
  readonly parts: readonly (readonly number[])[];
  readonly neverShown: number;
  /** CPU time per transaction, in µs: of the server, of its backend, of the writers' backends. */
  readonly serverUs: number;
  readonly readerUs: number;
  readonly writersUs: number;
}

function keyOf(version: number): number {
  return 1 + (version % KEYS);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const server = await startPostgres(18, { fsync: "on" });

/** The CPU time of the backends with this application name. */
async function backendsCpuMs(admin: pg.Client, name: string): Promise<number> {
  const { rows } = await admin.query(
    "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
    [name],
  );
  const ticks = rows.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return TICK_MS * ticks.reduce((sum, each) => sum + each, 0);
}

/** One server with its database, its client and the writers. */
class Bed {
  readonly #node: Child;
  readonly #admin: pg.Client;
  readonly #writers: readonly pg.Client[];
  /** Versions that the client does not show yet. */
  readonly #waiting = new Set<number>();
  readonly #committedMs = new Map<number, number>();
  readonly #shown = new Map<number, { arrivedMs: number; shownMs: number }>();
  readonly #close: () => void;
  #version = 0;
  #arrivedMs = 0;

  static async start(kind: Kind): Promise<Bed> {
    const database = await server.createDatabase(`bench_${kind}`);
    const connect = async (name: string): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: database, application_name: name });
      await client.connect();
      return client;
    };
    const admin = await connect("admin");
    await admin.query(`CREATE TABLE quotes (id int PRIMARY KEY, price numeric NOT NULL, version int NOT NULL, note text NOT NULL);
      INSERT INTO quotes SELECT n, 1, 0, repeat('x', 120) FROM generate_series(1, ${KEYS}) n`);
    const pinned = process.platform === "linux" ? { core: 0 } : {};
    const node = await startChild("postgres-node", [kind, database], pinned);
    const port = await node.ask<number>({ kind: "port" });
    const writers = await Promise.all(Array.from({ length: WRITERS }, () => connect("writer")));
    return new Bed(kind, node, admin, writers, port);
  }

  private constructor(
    kind: Kind,
    node: Child,
    admin: pg.Client,
    writers: readonly pg.Client[],
    port: number,
  ) {
    [this.#node, this.#admin, this.#writers] = [node, admin, writers];
    const noteArrival = (): void => {
      this.#arrivedMs = sharedClockMs();
    };
    if (kind === "notify") {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      socket.on("message", (data) => {
        noteArrival();
        this.#show(Number((JSON.parse(String(data)) as { version: number }).version));
      });
      this.#close = () => socket.close();
      return;
    }
    const client = createClient({
      url: `ws://127.0.0.1:${port}/v2/stream`,
      WebSocket: class extends WebSocket {
        constructor(...args: ConstructorParameters<typeof WebSocket>) {
          super(...args);
          this.on("message", noteArrival);
        }
      } as never,
    });
    const view = client.live({ channel: "quotes" });
    view.subscribe(() => {
      for (const version of this.#waiting.keys())
        if (Number(view.row(String(keyOf(version)))?.["version"]) >= version) this.#show(version);
    });
    this.#close = () => client.close();
  }

  #show(version: number): void {
    if (!this.#waiting.delete(version)) return;
    this.#shown.set(version, { arrivedMs: this.#arrivedMs, shownMs: sharedClockMs() });
  }

  async #write(writer: pg.Client): Promise<void> {
    const version = ++this.#version;
    this.#waiting.add(version);
    await writer.query({
      name: "write",
      text: "UPDATE quotes SET price = price + 0.01, version = $1 WHERE id = $2",
      values: [version, keyOf(version)],
    });
    this.#committedMs.set(version, sharedClockMs());
  }

  /** Writes with independent arrivals at a rate, or one write at a time after each of the pauses. */
  async #writeAll(load: Load): Promise<void> {
    if ("pausesMs" in load) {
      for (const pauseMs of load.pausesMs) {
        await pause(pauseMs);
        await this.#write(this.#writers[0] as pg.Client);
      }
      return;
    }
    const queues = this.#writers.map(() => Promise.resolve());
    const beganMs = performance.now();
    let dueMs = beganMs;
    for (let issued = 0; performance.now() - beganMs < SECONDS * 1_000;) {
      for (; dueMs <= performance.now(); issued++) {
        const slot = issued % WRITERS;
        const writer = this.#writers[slot] as pg.Client;
        queues[slot] = (queues[slot] as Promise<void>).then(() => this.#write(writer));
        dueMs -= (1_000 / load.perSecond) * Math.log(1 - Math.random());
      }
      await pause(1);
    }
    await Promise.all(queues);
  }

  async measure(load: Load): Promise<Phase> {
    this.#committedMs.clear();
    this.#shown.clear();
    await this.#node.ask({ kind: "reset" });
    const backends = async (): Promise<readonly number[]> => [
      await backendsCpuMs(this.#admin, "tidemark"),
      await backendsCpuMs(this.#admin, "writer"),
    ];
    const before = await backends();
    await this.#writeAll(load);
    await pause(300);
    const after = await backends();
    const { reads, cpuMs } = await this.#node.ask<NodeTimes>({ kind: "read" });
    const byVersion = new Map(reads.map((read) => [read.version, read]));
    const latencies: number[] = [];
    const parts: number[][] = PARTS.map(() => []);
    for (const [version, { arrivedMs, shownMs }] of this.#shown) {
      // The change may be shown before the commit is acknowledged. That counts as zero.
      const committedMs = this.#committedMs.get(version) ?? shownMs;
      latencies.push(Math.max(0, shownMs - committedMs));
      const read = byVersion.get(version);
      if (read === undefined) continue;
      const steps = [committedMs, read.beganMs, read.appendedMs, arrivedMs, shownMs];
      for (const [index, list] of parts.entries())
        list.push((steps[index + 1] as number) - (steps[index] as number));
    }
    const count = Math.max(1, this.#committedMs.size);
    const perTransaction = (ms: number): number => (1_000 * ms) / count;
    return {
      latencies,
      parts,
      neverShown: this.#waiting.size,
      serverUs: perTransaction(cpuMs),
      readerUs: perTransaction((after[0] as number) - (before[0] as number)),
      writersUs: perTransaction((after[1] as number) - (before[1] as number)),
    };
  }

  /** The shares of a core that the server and its backend take while nothing changes. */
  async idleShares(): Promise<readonly [number, number]> {
    await pause(2 * ASLEEP_AFTER_MS);
    await this.#node.ask({ kind: "reset" });
    const before = await backendsCpuMs(this.#admin, "tidemark");
    await pause(IDLE_MS);
    const { cpuMs } = await this.#node.ask<NodeTimes>({ kind: "read" });
    const backendMs = (await backendsCpuMs(this.#admin, "tidemark")) - before;
    return [cpuMs / IDLE_MS, backendMs / IDLE_MS];
  }

  async stop(): Promise<void> {
    this.#close();
    await Promise.all([this.#admin, ...this.#writers].map((client) => client.end()));
    await this.#node.stop();
  }
}

console.log(
  `Commit acknowledged to client store, ${ROUNDS} rounds of ${SECONDS} s; Postgres, client and writers beside the server\n${await machine()}\n`,
);
const loads: Readonly<Record<string, () => Load>> = {
  ...Object.fromEntries(RATES.map((perSecond) => [`${perSecond}/s`, () => ({ perSecond })])),
  woken: () => ({
    pausesMs: Array.from({ length: WAKINGS }, () => ASLEEP_AFTER_MS + 300 * Math.random()),
  }),
};
const phases = new Map<string, Phase[]>();
const idle: (readonly [number, number])[] = [];
const beds = await Promise.all(KINDS.map(async (kind) => ({ kind, bed: await Bed.start(kind) })));
// Compiles what is measured.
for (const { bed } of beds) await bed.measure({ perSecond: 500 });
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, load] of Object.entries(loads)) {
    for (const { kind, bed } of beds) {
      if (kind === "notify" && name === "woken") continue;
      const id = `${name} ${kind}`;
      phases.set(id, [...(phases.get(id) ?? []), await bed.measure(load())]);
    }
  }
  for (const { kind, bed } of beds) if (kind === "tidemark") idle.push(await bed.idleShares());
}
for (const { bed } of beds) await bed.stop();

const rows = [...phases].map(([name, rounds]) => {
  const of = (read: (phase: Phase) => number, digits = 1): string =>
    fixed(median(rounds.map(read)), digits);
  return [
    name,
    rounds.reduce((sum, { latencies }) => sum + latencies.length, 0),
    of(({ latencies }) => percentile(latencies, 0.5)),
    of(({ latencies }) => percentile(latencies, 0.99)),
    of(({ serverUs }) => serverUs, 0),
    of(({ readerUs }) => readerUs, 0),
    of(({ writersUs }) => writersUs, 0),
    rounds.reduce((sum, { neverShown }) => sum + neverShown, 0),
    ...PARTS.map(
      (_, part) =>
        `${of(({ parts }) => percentile(parts[part] ?? [], 0.5))}, ${of(({ parts }) => percentile(parts[part] ?? [], 0.99))}`,
    ),
  ];
});
console.log(
  table(
    [
      "transactions",
      "samples",
      "p50 ms",
      "p99 ms",
      "CPU µs/tx: server",
      "its backend",
      "writers' backends",
      "never shown",
      ...PARTS.map((part) => `${part}: p50, p99 ms`),
    ],
    rows,
  ),
);
const idleShare = (part: 0 | 1): string => fixed(100 * median(idle.map((each) => each[part])), 1);
console.log(
  `\nCPU while nothing changes: server ${idleShare(0)} %, its backend ${idleShare(1)} % of a core`,
);
await server.remove();
process.exit(0);
