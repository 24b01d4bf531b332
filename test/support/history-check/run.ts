/**
 * One run: a server over a store, a producer at full speed, and clients that scroll back meanwhile.
 * The live table holds few rows and memory fewer still, so rows are evicted, wait, spill and are
 * stored all the time. A seed gives the same rows and the same lists; which page meets which commit
 * is up to the machine.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createClient, immediately } from "../../../src/client/node.ts";
import { clickhouse } from "../../../src/history/clickhouse/index.ts";
import { COLUMNS } from "../../../src/history/conformance-values.ts";
import { duckdb } from "../../../src/history/duckdb/index.ts";
import type { HistoryStore } from "../../../src/history/history.ts";
import { channel, createTidemark } from "../../../src/index.ts";
import { declareChannel } from "../../../src/log/channel.ts";
import { OPERATORS, type Operator, type WireWhere } from "../../../src/protocol/query.ts";
import type { Row } from "../../../src/protocol/row.ts";
import { seededRandom } from "../../../src/std/random.ts";
import { makeFolder } from "../shared-folder.ts";
import { silent } from "../silent.ts";
import { CHANNEL, listsOf } from "./lists.ts";
import { Producer, type Target } from "./producer.ts";
import { ListReader, type Reader } from "./reader.ts";

export const STORES = ["duckdb", "clickhouse"] as const;
export type StoreKind = (typeof STORES)[number];

export interface RunOptions {
  readonly seed: number;
  readonly store: StoreKind;
  /** Of an engine, for `clickhouse`. */
  readonly url?: string | undefined;
  /** At least as many as there are operators, to have each of them. */
  readonly lists: number;
  /** The smallest and largest page of a list. */
  readonly pageRows: readonly [number, number];
}

export interface RunResult {
  readonly lists: ReadonlyMap<Operator, number>;
  readonly commits: number;
  readonly pages: number;
  readonly sights: number;
  readonly rowsCompared: number;
  /** The most bytes that were seen in the spill file. */
  readonly spilledBytes: number;
}

const READERS = 3;
/** What each other reader may see: rows come into it and leave it all the time. */
const POLICY = {
  or: [
    { column: "a integer", gte: 0 },
    { column: "a boolean", eq: true },
  ],
} as const satisfies WireWhere;
/** Before the readers begin: more rows than are live. */
const FIRST_COMMITS = 60;
const COLUMN_TYPES = Object.fromEntries(
  [{ name: "id", type: "text" } as const, ...COLUMNS].map(({ name, type }) => [name, type]),
);
const DECLARED = declareChannel({
  name: CHANNEL,
  key: ["id"],
  columns: Object.entries(COLUMN_TYPES).map(([name, type]) => ({ name, type })),
});

/** Throws at the first list that is not what the in-memory evaluation says. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, lists, pageRows } = options;
  const folder = makeFolder("tidemark-history-check-");
  const held = new HeldStore(createStore(options, folder));
  const tidemark = createTidemark({
    logger: silent,
    authenticate: ({ headers }) => String(headers["authorization"] ?? "all"),
    isOperator: () => true,
    history: held.store,
    channels: {
      [CHANNEL]: channel<Row, unknown>({
        key: "id",
        columns: COLUMN_TYPES,
        bounds: { rowsMax: 25 },
        history: { maxRows: 20, maxDelayMs: 5 },
        policy: (caller) => (caller === "all" ? "all" : POLICY),
      }),
    },
    // A busy machine may be slow; a page that never ends fails all the same.
    limits: { history: { pendingRowsMax: 40, batchRowsMax: 60, queryMsMax: 45_000 } },
  });
  const { url } = await tidemark.listen({ port: 0 });
  const clients = [undefined, POLICY].map((policy): Reader => {
    const headers = () => ({ authorization: policy === undefined ? "all" : "some" });
    const client = createClient({ url: `${url}/v2/stream`, pacing: immediately, headers });
    return { client, policy };
  });
  let spilledBytes = 0;
  const target: Target = {
    channel: DECLARED,
    write: (upserts, removes) =>
      tidemark.transact((write) => {
        write.upsert(CHANNEL, upserts);
        write.remove(CHANNEL, removes);
      }),
    hold: async (isHeld) => {
      if (!isHeld) spilledBytes = Math.max(spilledBytes, await spillBytesOf(url));
      held.hold(isHeld);
      if (!isHeld) await tidemark.durable(producer.seq);
    },
  };
  const random = seededRandom(seed);
  const producer = new Producer(target, random, seed);
  try {
    for (let commit = 0; commit < FIRST_COMMITS; commit++) await producer.write();
    const planned = listsOf(seed, lists, pageRows);
    const readers = planned.map(
      (list, at) => new ListReader(clients[at % 2] as Reader, producer, random, list),
    );
    await whileWriting(producer, readers);
    const counts = { pages: 0, sights: 0, rowsCompared: 0 };
    for (const reader of readers) {
      const { pages, sights, rowsCompared } = reader.compare();
      counts.pages += pages;
      counts.sights += sights;
      counts.rowsCompared += rowsCompared;
    }
    const byOperator = new Map(
      OPERATORS.map((name) => [name, planned.filter(({ operator }) => operator === name).length]),
    );
    return { lists: byOperator, commits: producer.commits, ...counts, spilledBytes };
  } finally {
    held.hold(false);
    for (const { client } of clients) client.close();
    await tidemark.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Some readers at a time, until each has read its list. */
async function whileWriting(producer: Producer, readers: readonly ListReader[]): Promise<void> {
  const waiting = [...readers];
  let isDone = false;
  const readOn = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.read();
  };
  const reading = Promise.all(Array.from({ length: READERS }, readOn)).finally(() => {
    isDone = true;
  });
  await Promise.all([reading, producer.run(() => isDone)]);
}

function createStore({ store, url }: RunOptions, folder: string): HistoryStore {
  if (store === "duckdb") return duckdb(join(folder, "history.duckdb"), { memoryLimit: "256MB" });
  const database = `check_${folder.replaceAll(/\W/g, "_")}`;
  return clickhouse(String(url), { database, spillFile: join(folder, "spill") });
}

async function spillBytesOf(url: string): Promise<number> {
  const stats = (await (await fetch(`${url}/stats`)).json()) as {
    readonly history: { readonly pending: { readonly spill_bytes: number } };
  };
  return stats.history.pending.spill_bytes;
}

/** A store whose writes wait while it is held. */
class HeldStore {
  readonly store: HistoryStore;
  #release: (() => void) | undefined;
  #free: Promise<void> = Promise.resolve();

  constructor(store: HistoryStore) {
    this.store = store;
    const write = store.write.bind(store);
    store.write = async (batch) => {
      await this.#free;
      await write(batch);
    };
  }

  hold(isHeld: boolean): void {
    if (isHeld === (this.#release !== undefined)) return;
    this.#release?.();
    this.#release = undefined;
    if (isHeld)
      this.#free = new Promise((resolve) => {
        this.#release = resolve;
      });
  }
}
