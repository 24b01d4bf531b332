/**
 * The process `writes-server <tidemark|usual> <database url>`: serves results that reviewers edit,
 * from a real Postgres.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import pg from "pg";
import { pino } from "pino";
import { WebSocketServer } from "ws";
import { z } from "zod";
import { createTidemark, mutation } from "../../src/index.ts";
import { postgres } from "../../src/sources/postgres/index.ts";
import { answer, cpuMeter } from "./child.ts";

const [kind, databaseUrl = ""] = process.argv.slice(2);
const EDIT = "UPDATE results SET value = $2, edited_at = now() WHERE id = $1";

export const mutations = {
  results: {
    edit: mutation({
      input: z.object({ id: z.string(), value: z.string() }),
      handler: async ({ input, tx }) => void (await tx.query(EDIT, [input.id, input.value])),
    }),
  },
};

let sentBytes = 0;
let requests = 0;

/** Counts the sent bytes of either server. */
function meter(server: Server): void {
  const open = new Map<Socket, number>();
  const take = (socket: Socket): void => {
    sentBytes += socket.bytesWritten - (open.get(socket) ?? 0);
    open.set(socket, socket.bytesWritten);
  };
  server.on("connection", (socket: Socket) => {
    open.set(socket, 0);
    socket.on("close", () => {
      take(socket);
      open.delete(socket);
    });
  });
  server.on("request", () => requests++);
  tally = () => {
    for (const socket of open.keys()) take(socket);
  };
}
let tally = (): void => {};

async function startTidemark(): Promise<Server> {
  const server = createServer();
  meter(server);
  const tidemark = createTidemark({
    mutations,
    sources: [postgres(databaseUrl, { tables: ["results"] })],
    logger: pino({ level: "silent" }),
  });
  await tidemark.start();
  tidemark.attach(server);
  return server;
}

/**
 * The usual way: a trigger that notifies per row, a socket that passes it on, and pages that fetch
 * again.
 */
async function startUsual(): Promise<Server> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  const listener = new pg.Client({ connectionString: databaseUrl });
  await listener.connect();
  await listener.query(`
    CREATE OR REPLACE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('results', NEW.id); RETURN NULL; END $$;
    CREATE OR REPLACE TRIGGER announce AFTER UPDATE ON results FOR EACH ROW EXECUTE FUNCTION announce();
    LISTEN results;`);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://x");
    const json = (body: unknown): void =>
      void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(body));
    if (request.method === "GET")
      return json((await pool.query("SELECT * FROM results ORDER BY id")).rows);
    const { value } = JSON.parse(await bodyOf(request)) as { value: string };
    await pool.query(EDIT, [pathname.split("/").at(-1), value]);
    json({});
  });
  meter(server);
  const sockets = new WebSocketServer({ server });
  listener.on("notification", ({ payload }) => {
    for (const socket of sockets.clients) socket.send(JSON.stringify({ changed: payload }));
  });
  return server;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

const read = cpuMeter();
const ready = (kind === "tidemark" ? startTidemark() : startUsual()).then(async (server) => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
});
// Listens at once, because earlier requests would be lost.
answer({
  port: () => ready,
  reset: () => {
    tally();
    [sentBytes, requests] = [0, 0];
    read();
    return true;
  },
  stats: () => {
    tally();
    return { sentBytes, requests, ...read() };
  },
});
