/**
 * The process `server <pattern> <file> <assets>` of the patterns benchmark: orders come in, go to a
 * DuckDB file, and reach the widgets. `tidemark` also serves the page.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { pino } from "pino";
import { duckdb } from "../../src/history/duckdb/index.ts";
import { channel, createTidemark } from "../../src/index.ts";
import { answer, cpuMeter } from "../support/child.ts";
import { startOlder, type OlderTable } from "../support/older-patterns.ts";
import { listenForRows } from "../support/row-port.ts";
import { SHOWN_ROWS, type Order } from "./orders.ts";

const TABLE: OlderTable<Order> = {
  create: `CREATE TABLE orders
    (id VARCHAR PRIMARY KEY, trade_id BIGINT, status VARCHAR, row VARCHAR)`,
  select: `SELECT row FROM orders WHERE status = 'open' ORDER BY trade_id DESC LIMIT ${SHOWN_ROWS}`,
  write: async (connection: DuckDBConnection, rows) => {
    // Of several versions of a row only the last one: a statement may write a key once.
    const newest = [...new Map(rows.map((row) => [row.id, row])).values()];
    const places = newest.map(
      (_, at) => `($${at * 4 + 1}, $${at * 4 + 2}, $${at * 4 + 3}, $${at * 4 + 4})`,
    );
    await connection.run(
      `INSERT OR REPLACE INTO orders VALUES ${places.join()}`,
      newest.flatMap((row) => [row.id, BigInt(row.trade_id), row.status, JSON.stringify(row)]),
    );
  },
};

async function startTidemark(file: string, assets: string) {
  const tidemark = createTidemark({
    channels: {
      orders: channel<Order>({
        key: "id",
        columns: { id: "text", trade_id: "integer", status: "text" },
        bounds: { rowsMax: 10_000 },
        history: true,
      }),
    },
    history: duckdb(file),
    assets,
    logger: pino({ level: "silent" }),
  });
  const { port } = await tidemark.listen({ port: 0 });
  const orders = tidemark.channel("orders");
  return { port, send: (rows: readonly Order[]) => void orders.upsert(rows) };
}

const [pattern = "", file = "", assets = ""] = process.argv.slice(2);
const server =
  pattern === "tidemark"
    ? await startTidemark(file, assets)
    : await startOlder(file, pattern === "row-push", TABLE);
const meter = cpuMeter();
let rowCount = 0;

answer({
  port: () => server.port,
  rowPort: () =>
    listenForRows<Order>((rows) => {
      rowCount += rows.length;
      server.send(rows);
    }),
  reset: () => {
    rowCount = 0;
    meter();
  },
  read: () => ({ rowCount, ...meter() }),
});
