/**
 * The server of the mempool dashboard: Tidemark under `/dashboard`, and beside it the application's
 * own route for the details of a transaction, and the page.
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { pino } from "pino";
import { createTidemark } from "tidemark";
import { duckdb } from "tidemark/duckdb";
import { derivedChannels } from "./derived.ts";
import { BuiltInChain } from "./feed/built-in-chain.ts";
import { PROFILES } from "./feed/chain-profile.ts";
import { PATHS } from "./paths.ts";
import { MempoolSource, type ChainInput } from "./source/mempool-source.ts";
import { TransactionDetailsReader } from "./transaction-details.ts";

interface BuiltInOptions {
  readonly seed?: number;
  /** Transactions per second of all chains. */
  readonly perSecond?: number;
}

export interface MempoolOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** The folder of the built page. */
  readonly assets: string;
  readonly builtIn?: BuiltInOptions;
  /** A DuckDB file that stays. Default: one in a temporary folder, which is removed at the end. */
  readonly data?: string | undefined;
  readonly logLevel?: string;
}

export interface Mempool {
  readonly url: string;
  stop(): Promise<void>;
}

const PER_SECOND = 20;
const HASH = /^0x[0-9a-f]{64}$/;

export async function createMempool({
  port,
  assets,
  builtIn = {},
  data,
  logLevel = "warn",
}: MempoolOptions): Promise<Mempool> {
  const folder = data === undefined ? mkdtempSync(join(tmpdir(), "tidemark-mempool-")) : undefined;
  const file = data ?? join(folder as string, "history.duckdb");
  const inputs = builtInChains(builtIn);
  const details = new TransactionDetailsReader(inputs);
  const tidemark = createTidemark({
    channels: derivedChannels,
    sources: [
      new MempoolSource({ inputs, onArrival: (hash, chain) => details.onArrival(hash, chain) }),
    ],
    // For replays; the dashboard reads the live tables only.
    history: duckdb(file, { memoryLimit: "256MB" }),
    paths: PATHS,
    logger: pino({ name: "mempool", level: logLevel }, pino.destination(2)),
  });
  let server: Server | undefined;
  const stop = async (): Promise<void> => {
    await tidemark.stop();
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    server = await listening(routes(details, assets), port);
    tidemark.attach(server);
    await tidemark.start();
    return { url: `http://localhost:${(server.address() as AddressInfo).port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function routes(details: TransactionDetailsReader, assets: string): Hono {
  const app = new Hono();
  app.get("/transactions/:hash", async (context) => {
    const hash = context.req.param("hash").toLowerCase();
    context.header("Cache-Control", "no-store");
    if (!HASH.test(hash)) return context.json({ error: "This is no hash of a transaction." }, 400);
    const found = await details.read(hash);
    return found === undefined
      ? context.json({ error: "This transaction is not known any more." }, 404)
      : context.json(found);
  });
  app.get("*", serveStatic({ root: assets }));
  return app;
}

function builtInChains({
  seed = 1,
  perSecond = PER_SECOND,
}: BuiltInOptions): readonly ChainInput[] {
  return PROFILES.map((profile) => ({
    source: new BuiltInChain(profile, { seed, perSecond: perSecond * profile.share }),
    coin: profile.coin,
  }));
}

function listening(app: Hono, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }) as Server;
    server.once("listening", () => resolve(server));
    server.once("error", reject);
  });
}
