/**
 * The server of the review dashboard: an HTTP server with its own route, to which Tidemark is
 * attached.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { pino } from "pino";
import { createTidemark, type Tidemark } from "tidemark";
import { postgres } from "tidemark/postgres";
import { openDatabase, type Database } from "./database.ts";
import { runJobs } from "./jobs.ts";
import { channels, mutations, type Reviewer } from "./mutations.ts";
import { prepare } from "./schema.ts";
import { tables } from "./tables.ts";

export interface ReviewOptions {
  /** Default: an embedded database. */
  readonly databaseUrl?: string | undefined;
  /** 0 takes a free port. */
  readonly port: number;
  /** The folder of the built page. */
  readonly assets: string;
  readonly logLevel?: string;
}

export interface Review {
  readonly url: string;
  readonly tidemark: Tidemark<typeof channels>;
  readonly database: Database;
  stop(): Promise<void>;
}

export async function createReview({
  databaseUrl,
  port,
  assets,
  logLevel = "warn",
}: ReviewOptions): Promise<Review> {
  const logger = pino({ name: "review", level: logLevel }, pino.destination(2));
  const database = await openDatabase(databaseUrl);
  await prepare(database);
  const tidemark = createTidemark({
    channels,
    mutations,
    sources: [postgres(database.source, { tables })],
    authenticate: (_request, auth) => reviewerIn(auth),
    logger,
  });
  const app = new Hono();
  // An endpoint of the application returns the id of its transaction, so that the page can wait for
  // it.
  app.post("/api/results/:id/flag", async (context) => {
    const { isFlagged } = await context.req.json<{ isFlagged: boolean }>();
    const txid = await database.transaction(async (tx) => {
      await tx.query("UPDATE extraction_results SET is_flagged = $2 WHERE id = $1", [
        context.req.param("id"),
        isFlagged === true,
      ]);
      return tidemark.txid(tx);
    });
    return context.json({ txid });
  });
  app.get("*", serveStatic({ root: assets }));
  const server = await listening(app, port);
  tidemark.attach(server);
  await tidemark.start();
  const stopJobs = runJobs(database, (error) => logger.error({ err: error }, "a job failed"));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    tidemark,
    database,
    stop: async () => {
      await stopJobs();
      await tidemark.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await database.close();
    },
  };
}

/** The example trusts the given name. An application checks a cookie or a token. */
function reviewerIn(auth: unknown): Reviewer | null {
  const { id, name } = (auth ?? {}) as Partial<Reviewer>;
  return typeof id === "string" && typeof name === "string" && id.length <= 40 && name.length <= 40
    ? { id, name }
    : null;
}

function listening(app: Hono, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }) as Server;
    server.once("listening", () => resolve(server));
    server.once("error", reject);
  });
}
