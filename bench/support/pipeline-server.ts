/**
 * The process `pipeline-server <pattern> <file>`: rows come in, go to a DuckDB file, and reach the
 * clients' widgets.
 *
 * `tidemark` and `tidemark-history`: without and with the store. `tidemark-past`: the store begins
 * with ten minutes of a second channel, 1,000 rows/s, for replays. `refetch`: 50 rows are inserted,
 * "table changed" is published, and each widget asks for its rows. `row-push`: every 200 ms the
 * rows are inserted and published.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pino } from "pino";
import { WebSocket, WebSocketServer } from "ws";
import { duckdb } from "../../src/history/duckdb/index.ts";
import { channel, createTidemark } from "../../src/index.ts";
import { answer, cpuMeter } from "./child.ts";
import { fill, TRADES } from "./history-rows.ts";
import { WIDGET_ROWS } from "./pipeline-widget.ts";
import { makeTrade, type Trade } from "./trade.ts";

const BATCH_ROWS = 50;
const FLUSH_MS = 200;
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
  send(rows: readonly Trade[]): void;
  /** Queries that clients caused. */
  queries(): number;
  /** State of the history, if any. */
  stats(): unknown;
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

/** The two older patterns: an insert, a message to all, and a query that the widgets repeat. */
async function startOlder(file: string, pushesRows: boolean): Promise<Pipeline> {
  const instance = await DuckDBInstance.create(file, { memory_limit: "512MB", threads: "2" });
  const writer = await instance.connect();
  const reader = await instance.connect();
  await writer.run("CREATE TABLE trades (trade_id BIGINT, symbol VARCHAR, row VARCHAR)");
  let queries = 0;
  const onRequest = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    queries++;
    const result = await reader.runAndReadAll(
      `SELECT row FROM trades ORDER BY trade_id DESC LIMIT ${WIDGET_ROWS}`,
    );
    response.setHeader("Content-Type", "application/json");
    response.end(
      `[${result
        .getRows()
        .map(([row]) => String(row))
        .join(",")}]`,
    );
  };
  const server = createServer((request, response) => void onRequest(request, response));
  const sockets = new WebSocketServer({ server });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const publish = (message: unknown): void => {
    const text = JSON.stringify(message);
    for (const socket of sockets.clients)
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  let waiting: Trade[] = [];
  let isWriting = false;
  const flush = async (): Promise<void> => {
    if (isWriting || waiting.length === 0) return;
    isWriting = true;
    const rows = waiting;
    waiting = [];
    const appender = await writer.createAppender("trades");
    for (const row of rows) {
      appender.appendBigInt(BigInt(row.trade_id));
      appender.appendVarchar(row.symbol);
      appender.appendVarchar(JSON.stringify(row));
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
    isWriting = false;
    publish(
      pushesRows
        ? { type: "table_rows", table: "trades", rows }
        : { type: "table_update", table: "trades" },
    );
    if (!pushesRows && waiting.length >= BATCH_ROWS) await flush();
  };
  if (pushesRows) setInterval(() => void flush(), FLUSH_MS);
  return {
    port: (server.address() as AddressInfo).port,
    send: (rows) => {
      waiting.push(...rows);
      if (!pushesRows && waiting.length >= BATCH_ROWS) void flush();
    },
    queries: () => queries,
    stats: () => undefined,
  };
}

/** A port that takes rows as lines of JSON; what one read brings is one write. */
function listenForRows(pipeline: Pipeline): Promise<number> {
  const server = createSocketServer((socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      const lines = `${text}${String(chunk)}`.split("\n");
      text = lines.pop() ?? "";
      const rows = lines.map((line) => JSON.parse(line) as Trade);
      sent += rows.length;
      if (rows.length > 0) pipeline.send(rows);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

const [pattern, file = ""] = process.argv.slice(2);
const pipeline = pattern?.startsWith("tidemark")
  ? await startTidemark(
      pattern === "tidemark" ? undefined : file,
      pattern === "tidemark-past" ? PAST_ROWS : 0,
    )
  : await startOlder(file, pattern === "row-push");
const meter = cpuMeter();
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
let sent = 0;
let queriesBefore = 0;

answer({
  port: () => pipeline.port,
  rowPort: () => listenForRows(pipeline),
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
