/** The server of the heatmap: the trading feed, its history in DuckDB, and a polled query. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createTidemark, type Source } from "tidemark";
import { duckdb } from "tidemark/duckdb";
import { polled } from "tidemark/polled";
import { SYMBOL_ROWS, DERIVED_HISTORY } from "../trading/channels.ts";
import { derivedChannels } from "../trading/derived.ts";
import { feedSource, type FeedOptions } from "../trading/feed/feed.ts";
import { STORE } from "../trading/store.ts";
import { channels, HEATMAP_COLUMNS, HEATMAP_KEY } from "./channels.ts";
import { heatmapAnswer, heatmapSocket } from "./dialect.ts";
import { heatmapModel, type HeatmapModel } from "./model/heatmap.ts";
import { LIFETIME_MINUTES, MINUTE_MS } from "./model/settings.ts";
import { DUCKDB } from "./model/statement.ts";

export const HEATMAP_DEFAULTS = { minutes: 30, interval: 1, updateSeconds: 5 } as const;

export interface HeatmapServerOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** The folder of the built page. */
  readonly assets: string;
  /** Default: the built-in feed. */
  readonly feed?: FeedOptions;
  /** A DuckDB file that stays. Default: one in a temporary folder, which is removed at the end. */
  readonly data?: string | undefined;
  /** How much a heatmap shows, and how wide its columns are. Default: 30, and 1. */
  readonly minutes?: number;
  readonly intervalMinutes?: number;
  /** How often it is calculated while somebody watches. Default 5 s. */
  readonly everyMs?: number;
  /** Default true. */
  readonly hasSocket?: boolean;
  readonly logLevel?: string;
  /** Called when a heatmap has been calculated, for measurements. */
  readonly onCalculated?: (symbol: string, asOfMs: number | undefined) => void;
}

export interface HeatmapServer {
  readonly url: string;
  readonly model: HeatmapModel;
  stats(): Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** A heatmap has fewer rows: 240 columns would have 20 levels each. */
const ROWS_MAX = 5_000;
/** So that a heatmap of as many rows is one message. */
const FRAME_BYTES_MAX = 1024 * 1024;
/** A client that is gone without a word is disconnected within 40 s. */
const SILENCE = { heartbeatIntervalMs: 10_000, silenceMsMax: 30_000 };
/** An update is for all who watch a symbol, and seldom: it need not leave time for the next one. */
const PACE = { flushShareMax: 0.9, flushRestMsMax: 5 };
const FIRST_MS_MAX = 10_000;

export async function createHeatmap({
  port,
  assets,
  feed = { kind: "built-in" },
  data,
  minutes = HEATMAP_DEFAULTS.minutes,
  intervalMinutes = HEATMAP_DEFAULTS.interval,
  everyMs = HEATMAP_DEFAULTS.updateSeconds * 1_000,
  hasSocket = true,
  logLevel = "warn",
  onCalculated,
}: HeatmapServerOptions): Promise<HeatmapServer> {
  const folder = data === undefined ? mkdtempSync(join(tmpdir(), "tidemark-heatmap-")) : undefined;
  const store = duckdb(data ?? join(folder as string, "history.duckdb"), STORE);
  const model = heatmapModel(store, DUCKDB);
  let onStored = (): void => {};
  /** The feed's past is in the store; until then a heatmap would miss some of it. */
  const stored = new Promise<void>((resolve) => {
    onStored = resolve;
  });
  const dialectOptions = {
    symbols: SYMBOL_ROWS.map(({ symbol }) => symbol),
    firstMsMax: FIRST_MS_MAX,
  };
  const pastMs = (minutes + LIFETIME_MINUTES) * MINUTE_MS;
  const tidemark = createTidemark({
    channels: { ...channels, candles_1m: derivedChannels.candles_1m },
    sources: [
      feedSource(feed.kind === "built-in" ? { pastMs, ...feed } : feed),
      heatmapSource(model, {
        stored,
        minutes,
        intervalMinutes,
        everyMs,
        onCalculated,
      }),
    ],
    history: store,
    assets,
    dialects: [
      heatmapAnswer(dialectOptions),
      ...(hasSocket ? [heatmapSocket(dialectOptions)] : []),
    ],
    limits: { server: { frameBytesMax: FRAME_BYTES_MAX, ...SILENCE, ...PACE } },
    logger: pino({ name: "heatmap", level: logLevel }, pino.destination(2)),
  });
  const stop = async (): Promise<void> => {
    await tidemark.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { url } = await tidemark.listen({ port });
    const seq = await tidemark.channel("symbols").upsert(SYMBOL_ROWS);
    await tidemark.durable(seq);
    onStored();
    await tidemark
      .channel("settings")
      .upsert({ id: "heatmap", has_socket: hasSocket, every_ms: everyMs });
    return { url, model, stats: () => tidemark.stats(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface SourceOptions {
  readonly stored: Promise<void>;
  readonly minutes: number;
  readonly intervalMinutes: number;
  readonly everyMs: number;
  readonly onCalculated: HeatmapServerOptions["onCalculated"];
}

/** One query for each symbol that somebody watches, and none for the others. */
function heatmapSource(model: HeatmapModel, options: SourceOptions): Source {
  const { stored, minutes, intervalMinutes, everyMs, onCalculated } = options;
  return polled({
    channel: "heatmap",
    key: [...HEATMAP_KEY],
    columns: HEATMAP_COLUMNS,
    parameter: "symbol",
    every: everyMs,
    run: async (parameters, signal) => {
      await stored;
      const symbol = String(parameters["symbol"]);
      const rows = await model.rows({ symbol, minutes, intervalMinutes, signal });
      onCalculated?.(symbol, rows.find(({ as_of }) => as_of !== undefined)?.as_of);
      return rows;
    },
    history: DERIVED_HISTORY,
    limits: { rowsMax: ROWS_MAX },
  });
}
