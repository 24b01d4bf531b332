/**
 * The two older patterns of live rows over a DuckDB file: rows are inserted, a message goes to all
 * widgets, and there is a query that the widgets repeat. Either each 50 rows "table changed" is
 * published, and each widget asks for its rows; or every 200 ms the rows themselves are.
 */
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

const BATCH_ROWS = 50;
const FLUSH_MS = 200;

export interface OlderTable<R> {
  /** Creates the table. */
  readonly create: string;
  /** The query of the widgets: one column with the texts of rows. */
  readonly select: string;
  readonly write: (connection: DuckDBConnection, rows: readonly R[]) => Promise<void>;
}

export interface OlderServer<R> {
  readonly port: number;
  readonly send: (rows: readonly R[]) => void;
  /** How many queries the widgets have caused. */
  readonly queries: () => number;
}

export async function startOlder<R>(
  file: string,
  pushesRows: boolean,
  { create, select, write }: OlderTable<R>,
): Promise<OlderServer<R>> {
  const instance = await DuckDBInstance.create(file, { memory_limit: "512MB", threads: "2" });
  const writer = await instance.connect();
  const reader = await instance.connect();
  await writer.run(create);
  let queries = 0;
  const onRequest = async (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
    queries++;
    const result = await reader.runAndReadAll(select);
    response.setHeader("Content-Type", "application/json");
    response.setHeader("Access-Control-Allow-Origin", "*");
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
  let waiting: R[] = [];
  let isWriting = false;
  const flush = async (): Promise<void> => {
    if (isWriting || waiting.length === 0) return;
    isWriting = true;
    const rows = waiting;
    waiting = [];
    await write(writer, rows);
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
  };
}
