/**
 * The server of the mempool dashboard: Tidemark under `/dashboard`, and beside it the application's
 * own routes: the details of a transaction, and the page.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { pino } from "pino";
import { createTidemark, type Tidemark } from "tidemark";
import { duckdb } from "tidemark/duckdb";
import { STORE } from "../trading/store.ts";
import { derivedChannels } from "./derived.ts";
import { inputsOf, type FeedOptions } from "./feed.ts";
import { OlderDashboard } from "./older/older-dashboard.ts";
import { OLDER_PATHS, PATHS } from "./paths.ts";
import { MempoolSource } from "./source/mempool-source.ts";
import { TransactionDetailsReader } from "./transaction-details.ts";

export interface MempoolOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** The folder of the built page. */
  readonly assets: string;
  /** Default: the built-in chains. */
  readonly feed?: FeedOptions;
  /** A DuckDB file that stays. Default: one in a temporary folder, which is removed at the end. */
  readonly data?: string | undefined;
  /**
   * The older routes in place of Tidemark's, or both beside each other, to compare them. Default:
   * Tidemark's.
   */
  readonly routes?: "newer" | "older" | "both";
  readonly logLevel?: string;
}

export interface Mempool {
  readonly url: string;
  stop(): Promise<void>;
}

/** Of the paths below Tidemark's base, those that are not Tidemark's. */
const HIDDEN = {
  newer: [],
  older: [`${PATHS.base}/`],
  both: Object.values(OLDER_PATHS),
} as const;
const HASH = /^0x[0-9a-f]{64}$/;

export async function createMempool({
  port,
  assets,
  feed = { kind: "built-in" },
  data,
  routes = "newer",
  logLevel = "warn",
}: MempoolOptions): Promise<Mempool> {
  const folder = data === undefined ? mkdtempSync(join(tmpdir(), "tidemark-mempool-")) : undefined;
  const file = data ?? join(folder as string, "history.duckdb");
  const inputs = inputsOf(feed);
  const details = new TransactionDetailsReader(inputs);
  const older = routes === "newer" ? undefined : new OlderDashboard();
  const tidemark = createTidemark({
    channels: derivedChannels,
    sources: [
      new MempoolSource({
        inputs,
        onArrival: (hash, chain) => details.onArrival(hash, chain),
        onCommit: (changes) => older?.apply(changes),
      }),
    ],
    // For replays; the dashboard reads the live tables only.
    history: duckdb(file, STORE),
    paths: PATHS,
    telemetry: true,
    // A source that is faster waits. Rows leave the tables when history has them, which follows the
    // tables: the further these may be behind, the more rows they have, and the slower they are.
    limits: { log: { pendingRowsMax: 10_000 } },
    gauges: {
      tx_detail_index_size: {
        help: "Transactions whose details can be had.",
        read: () => details.size,
      },
    },
    logger: pino({ name: "mempool", level: logLevel }, pino.destination(2)),
  });
  let server: Server | undefined;
  const stop = async (): Promise<void> => {
    older?.stop();
    await tidemark.stop();
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const app = applicationOf({ details, assets, older });
    server = await listening(app, tidemark, { port, hidden: HIDDEN[routes] });
    await tidemark.start();
    return { url: `http://localhost:${(server.address() as AddressInfo).port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface RoutesOptions {
  readonly details: TransactionDetailsReader;
  readonly assets: string;
  readonly older: OlderDashboard | undefined;
}

function applicationOf({ details, assets, older }: RoutesOptions): Hono {
  const app = new Hono();
  app.get("/transactions/:hash", async (context) => {
    const hash = context.req.param("hash").toLowerCase();
    context.header("Cache-Control", "no-store");
    if (!HASH.test(hash)) return context.json({ error: "This is no hash of a transaction." }, 400);
    try {
      const found = await details.read(hash);
      if (found !== undefined) return context.json(found);
      return context.json({ error: "This transaction is not known any more." }, 404);
    } catch {
      return context.json({ error: "The node does not answer. Try again." }, 503);
    }
  });
  if (older !== undefined) older.addRoutes(app);
  app.use("*", async (context, next) => {
    await next();
    // Only pages that are isolated from other origins may measure the heap of their workers.
    context.header("Cross-Origin-Opener-Policy", "same-origin");
    context.header("Cross-Origin-Embedder-Policy", "require-corp");
  });
  app.get("*", serveStatic({ root: assets }));
  return app;
}

/** Tidemark has its paths, but for what is hidden by older routes. */
function listening(
  app: Hono,
  tidemark: Pick<Tidemark, "handleRequest" | "handleUpgrade">,
  { port, hidden }: { readonly port: number; readonly hidden: readonly string[] },
): Promise<Server> {
  const answer = getRequestListener(app.fetch);
  const isOurs = (url = ""): boolean => hidden.some((path) => isBelow(url, path));
  const server = createServer((request, response) => {
    if (isOurs(request.url) || !tidemark.handleRequest(request, response))
      void answer(request, response);
  });
  server.on("upgrade", (request, socket, head) => {
    if (isOurs(request.url) || !tidemark.handleUpgrade(request, socket, head)) socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** A path that ends with `/` stands for all below it. */
function isBelow(url: string, path: string): boolean {
  return path.endsWith("/") ? url.startsWith(path) : url.split("?", 1)[0] === path;
}
