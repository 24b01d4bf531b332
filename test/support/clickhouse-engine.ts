/**
 * ClickHouse's engine (the package `chdb`) behind the part of its HTTP interface that
 * `@clickhouse/client` uses, in a process of its own, which tests kill: `clickhouse-server.ts`
 * starts it with a folder and a port. Each request runs on a connection of its own, as on a server:
 * settings and parameters hold for one query, queries run at the same time, and a query stops when
 * its client goes and has asked for that. There are no users, no compression and no sessions.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

interface Session {
  query(sql: string, format?: string): string;
  queryAsync(sql: string, options: { format: string }): Promise<{ bytes(): Uint8Array }>;
  close(): void;
}

/** Parameters of a request that are neither settings nor parameters of the query. */
const NO_SETTINGS = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "session_id",
  "enable_http_compression",
  "wait_end_of_query",
  "cancel_http_readonly_queries_on_client_close",
]);

// Not every platform has the package, so the compiler must not look for it.
const engine = (await import(["chdb"].join(""))) as {
  Session: new (path: string) => Session;
};
const [folder = "", port = "0"] = process.argv.slice(2);
// Without a connection the engine would close the folder after each query.
const first = new engine.Session(folder);
let queriesStarted = 0;

// A query with many parameters has a long address.
createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => {
  answer(request, response).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const code = /Code: (\d+)\./.exec(message)?.[1];
    response.statusCode = 500;
    if (code !== undefined) response.setHeader("X-ClickHouse-Exception-Code", code);
    response.end(message.replace(/^Query failed: /, ""));
  });
}).listen(Number(port), "127.0.0.1", () => process.send?.("ready"));

// The process that started this one has gone.
process.on("disconnect", () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  if (url.pathname === "/ping") {
    response.end("Ok.\n");
    return;
  }
  const query = [url.searchParams.get("query") ?? "", Buffer.concat(parts).toString("utf8")]
    .filter((text) => text !== "")
    .join("\n");
  const session = new engine.Session(folder);
  const mark = `http-${++queriesStarted}`;
  try {
    // Not before the database exists: the query may create it.
    const database = url.searchParams.get("database");
    if (database !== null && database !== "default") session.query(`USE ${identifier(database)}`);
    const settings = [...url.searchParams]
      .filter(([name]) => !NO_SETTINGS.has(name))
      .map(([name, value]) => `${name} = ${quoted(value)}`);
    session.query(`SET ${[`log_comment = ${quoted(mark)}`, ...settings].join(", ")}`);
    const isCancelled =
      url.searchParams.get("cancel_http_readonly_queries_on_client_close") === "1";
    if (isCancelled) response.once("close", () => cancel(mark, response));
    const result = await session.queryAsync(query, { format: "TabSeparated" });
    response.setHeader("X-ClickHouse-Summary", "{}");
    response.end(result.bytes());
  } finally {
    session.close();
  }
}

/** Ends the query of a client that went before its answer. */
function cancel(mark: string, response: ServerResponse): void {
  if (response.writableEnded) return;
  first.query(`KILL QUERY WHERE Settings['log_comment'] = ${quoted(mark)}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\0", "\\0")}'`;
}

function identifier(text: string): string {
  return `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}
