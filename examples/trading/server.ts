/** The server of the trading dashboard: a feed, its history in DuckDB, and the page. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createTidemark, tableRows } from "tidemark";
import { duckdb } from "tidemark/duckdb";
import { channels, SYMBOL_ROWS } from "./channels.ts";
import { derivedChannels } from "./derived.ts";
import { feedSource, type FeedOptions } from "./feed/feed.ts";
import { STORE } from "./store.ts";

export interface TradingOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** The folder of the built page. */
  readonly assets: string;
  /** Default: the built-in feed. */
  readonly feed?: FeedOptions;
  /** A DuckDB file that stays. Default: one in a temporary folder, which is removed at the end. */
  readonly data?: string | undefined;
  readonly logLevel?: string;
}

export interface Trading {
  readonly url: string;
  stop(): Promise<void>;
}

export async function createTrading({
  port,
  assets,
  feed = { kind: "built-in" },
  data,
  logLevel = "warn",
}: TradingOptions): Promise<Trading> {
  const folder = data === undefined ? mkdtempSync(join(tmpdir(), "tidemark-trading-")) : undefined;
  const file = data ?? join(folder as string, "history.duckdb");
  const tidemark = createTidemark({
    channels: { ...channels, ...derivedChannels },
    sources: [feedSource(feed)],
    history: duckdb(file, STORE),
    assets,
    // For front ends that merge pushed rows themselves, such as tanstack/row-push-tape.tsx.
    dialects: [tableRows({ path: "/table-rows" })],
    logger: pino({ name: "trading", level: logLevel }, pino.destination(2)),
  });
  const stop = async (): Promise<void> => {
    await tidemark.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { url } = await tidemark.listen({ port });
    await tidemark.channel("symbols").upsert(SYMBOL_ROWS);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
