/**
 * The process `postgres-node <kind> <database>`: brings changes of a table to clients, with Tidemark,
 * or as programs do without a library: a trigger notifies with the whole row, and the process sends
 * it to each `ws` client.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { pino } from "pino";
import { WebSocketServer } from "ws";
import { createTidemark } from "../../src/index.ts";
import type { Source } from "../../src/sources/source.ts";
import { postgres } from "../../src/sources/postgres/index.ts";
import { answer, cpuMeter } from "./child.ts";
import { sharedClockMs } from "./shared-clock.ts";

/** When a row's change was read. */
export interface ReadTimes {
  readonly version: number;
  readonly beganMs: number;
  readonly appendedMs: number;
}

const [kind = "", database = ""] = process.argv.slice(2);
let reads: ReadTimes[] = [];

/** The source, which notes when each change was read and appended. */
function observed(source: Source): Source {
  return {
    name: source.name,
    start: (context) =>
      source.start({
        ...context,
        get sourcePosition() {
          return context.sourcePosition;
        },
        clock: { ...context.clock, now: sharedClockMs },
        append: async (draft) => {
          const { asOfMs, ...rest } = draft;
          const appendedMs = sharedClockMs();
          for (const { upserts } of draft.changes)
            for (const { row } of upserts)
              reads.push({
                version: Number(row["version"]),
                beganMs: asOfMs ?? Number.NaN,
                appendedMs,
              });
          return context.append(asOfMs === undefined ? rest : { ...rest, asOfMs: Date.now() });
        },
      }),
    stop: () => source.stop(),
  };
}

async function startTidemark(): Promise<number> {
  const tidemark = createTidemark({
    sources: [observed(postgres(database, { tables: ["quotes"] }))],
    logger: pino({ level: "silent" }),
  });
  return (await tidemark.listen({ port: 0 })).port;
}

async function startNotify(): Promise<number> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const client = new pg.Client({ connectionString: database, application_name: "tidemark" });
  await client.connect();
  await client.query(`CREATE FUNCTION notify_row() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''plain'', row_to_json(NEW)::text); RETURN NULL; END';
    CREATE TRIGGER notify_row AFTER UPDATE ON quotes FOR EACH ROW EXECUTE FUNCTION notify_row(); LISTEN plain`);
  client.on("notification", ({ payload }) => {
    for (const socket of sockets.clients) socket.send(payload ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const port = kind === "tidemark" ? await startTidemark() : await startNotify();
const meter = cpuMeter();
answer({
  port: () => port,
  reset: () => {
    reads = [];
    meter();
  },
  read: () => ({ reads, ...meter() }),
});
