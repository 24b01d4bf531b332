/** The server of the trading dashboard: a feed, its history in DuckDB, and the page. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createTidemark, tableRows, type Source } from "tidemark";
import { binance } from "tidemark/binance";
import { duckdb } from "tidemark/duckdb";
import { channels, HISTORY, SYMBOL_ROWS, TRADES_MAX } from "./channels.ts";
import { derivedChannels } from "./derived.ts";
import { BuiltInFeed } from "./feed/built-in.ts";
import { Recording } from "./feed/recording.ts";

export type FeedOptions =
  | { readonly kind: "built-in"; readonly seed?: number; readonly rowsPerSecond?: number }
  | { readonly kind: "binance" }
  | { readonly kind: "replay"; readonly file: string; readonly speed?: number };

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

const ROWS_PER_SECOND = 180;
const PAST_MS = 20 * 60_000;

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
    sources: [sourceOf(feed)],
    history: duckdb(file, { memoryLimit: "256MB" }),
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

function sourceOf(feed: FeedOptions): Source {
  switch (feed.kind) {
    case "built-in":
      return new BuiltInFeed({
        seed: feed.seed ?? 1,
        rowsPerSecond: feed.rowsPerSecond ?? ROWS_PER_SECOND,
        pastMs: PAST_MS,
      });
    case "replay":
      return new Recording({ file: feed.file, speed: feed.speed ?? 1 });
    case "binance":
      return binance({
        name: "feed",
        symbols: SYMBOL_ROWS.map(({ symbol }) => symbol),
        depthLevels: 25,
        channels: {
          trades: { bounds: { rowsMax: TRADES_MAX }, history: HISTORY.trades },
          quotes: { history: HISTORY.quotes },
          depth: { history: HISTORY.depth },
        },
      });
  }
}
