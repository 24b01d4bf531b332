/**
 * The process `pipeline-server <pattern> <file>`: rows come in, go to a DuckDB file, and reach the
 * clients' widgets.
 *
 * `tidemark` and `tidemark-history`: without and with the store. `tidemark-past`: the store begins
 * with ten minutes of a second channel, 1,000 rows/s, for replays. `refetch` and `row-push`: the
 * older patterns.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pino } from "pino";
import { duckdb } from "../../src/history/duckdb/index.ts";
import { channel, createTidemark } from "../../src/index.ts";
import { answer, cpuMeter } from "./child.ts";
import { fill, TRADES } from "./history-rows.ts";
import { startOlder, type OlderTable } from "./older-patterns.ts";
import { WIDGET_ROWS } from "./pipeline-widget.ts";
import { listenForRows } from "./row-port.ts";
import { makeTrade, type Trade } from "./trade.ts";

/** A row per millisecond. */
const PAST_ROWS = 600_000;
const PAST = { ...TRADES, name: "past" };

/** The database that this process opened last, to ask it for its memory. */
let database: DuckDBInstance | undefined;
const create = DuckDBInstance.create.bind(DuckDBInstance);
DuckDBInstance.create = async (...args) => (database = await create(...args));

/** Bytes that DuckDB counts against its `memory_limit`. */
async function databaseBytes(): Promise<number> {
  if (database === undefined) return 0;
  const connection = await database.connect();
  const result = await connection.runAndReadAll(
    "SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()",
  );
  connection.closeSync();
  return Number(result.getRows()[0]?.[0]);
}

interface Pipeline {
  readonly port: number;
  readonly send: (rows: readonly Trade[]) => void;
  /** Queries that clients caused. */
  readonly queries: () => number;
  /** State of the history, if any. */
  readonly stats: () => unknown;
}

/** Time in `JSON.stringify`, whoever calls it. */
const serialised = { ms: 0, calls: 0 };
const { stringify } = JSON;
JSON.stringify = ((...args: Parameters<typeof stringify>) => {
  const beganMs = performance.now();
  const text = stringify(...args);
  serialised.ms += performance.now() - beganMs;
  serialised.calls++;
  return text;
}) as typeof stringify;

async function startTidemark(file: string | undefined, pastRows = 0): Promise<Pipeline> {
  const store = file === undefined ? undefined : duckdb(file);
  if (store !== undefined && pastRows > 0) {
    await store.open();
    await fill(store, PAST, { rows: pastRows, after: 0 });
    await store.close();
  }
  let queries = 0;
  if (store !== undefined) {
    const page = store.page.bind(store);
    store.page = (...args) => {
      queries++;
      return page(...args);
    };
  }
  const tidemark = createTidemark({
    channels: {
      trades: channel<Trade>({
        key: "id",
        columns: { id: "text", symbol: "text", trade_id: "integer" },
        bounds: { rowsMax: 10_000 },
        ...(store && { history: { appendOnly: true } }),
      }),
      ...(pastRows > 0 && { [PAST.name]: PAST }),
    },
    ...(store && { history: store }),
    logger: pino({ level: "silent" }),
  });
  const trades = tidemark.channel("trades");
  const { port } = await tidemark.listen({ port: 0 });
  return {
    port,
    send: (rows) => void trades.upsert(rows),
    queries: () => queries,
    stats: () => tidemark.stats()["history"],
  };
}

const TABLE: OlderTable<Trade> = {
  create: "CREATE TABLE trades (trade_id BIGINT, symbol VARCHAR, row VARCHAR)",
  select: `SELECT row FROM trades ORDER BY trade_id DESC LIMIT ${WIDGET_ROWS}`,
  write: async (connection, rows) => {
    const appender = await connection.createAppender("trades");
    for (const row of rows) {
      appender.appendBigInt(BigInt(row.trade_id));
      appender.appendVarchar(row.symbol);
      appender.appendVarchar(JSON.stringify(row));
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
  },
};

const [pattern, file = ""] = process.argv.slice(2);
const pipeline = pattern?.startsWith("tidemark")
  ? await startTidemark(
      pattern === "tidemark" ? undefined : file,
      pattern === "tidemark-past" ? PAST_ROWS : 0,
    )
  : { ...(await startOlder(file, pattern === "row-push", TABLE)), stats: () => undefined };
const meter = cpuMeter();
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
let sent = 0;
let queriesBefore = 0;

answer({
  port: () => pipeline.port,
  rowPort: () =>
    listenForRows<Trade>((rows) => {
      sent += rows.length;
      pipeline.send(rows);
    }),
  /** Makes the rows that are due by the clock, each with a key of its own. */
  run: ({ perSecond }) => {
    const beganMs = performance.now();
    let made = 0;
    setInterval(() => {
      const due = Math.floor(((performance.now() - beganMs) / 1_000) * Number(perSecond));
      const rows = Array.from({ length: due - made }, () => makeTrade(Number.MAX_SAFE_INTEGER));
      made = due;
      sent += rows.length;
      if (rows.length > 0) pipeline.send(rows);
    }, 5);
  },
  reset: () => {
    sent = 0;
    Object.assign(serialised, { ms: 0, calls: 0 });
    queriesBefore = pipeline.queries();
    loop.reset();
    meter();
  },
  read: async () => ({
    sent,
    serialisedMs: serialised.ms,
    queries: pipeline.queries() - queriesBefore,
    loopP99Ms: loop.percentile(99) / 1e6,
    memory: { ...process.memoryUsage(), database: await databaseBytes() },
    history: pipeline.stats(),
    ...meter(),
  }),
});
