/** The channels that the heatmap adds to those of the trading feed. */
import { channel } from "tidemark";
import type { TypedChannel } from "tidemark/client";
import { channels as trading, type Candle } from "../trading/channels.ts";

/**
 * A row of `heatmap`: an estimate at the end of a column. The row at price 0 is the column itself,
 * with its closing price as `value`.
 */
export interface HeatmapRow {
  readonly symbol: string;
  /** The start of the column, in Unix milliseconds. */
  readonly time: number;
  /** The middle of the level; 0 for the column. */
  readonly price: number;
  /** The notional that would be liquidated at this level, in USD, with three digits. */
  readonly value: number;
  /** Of the newest column: the distance between two levels, and the time of the newest trade. */
  readonly step?: number;
  readonly as_of?: number;
}

/** The row of `settings`: what a page needs to know of the server. */
export interface HeatmapSettings {
  readonly id: "heatmap";
  /** Whether `/ws/heatmap` is there. If it is not, the page polls. */
  readonly has_socket: boolean;
  /** How often the heatmap is calculated while somebody watches. */
  readonly every_ms: number;
}

export const channels = {
  symbols: trading.symbols,
  settings: channel<HeatmapSettings>({
    key: "id",
    columns: { id: "text", has_socket: "boolean", every_ms: "integer" },
  }),
};

export const HEATMAP_KEY = ["symbol", "time", "price"] as const;
export const HEATMAP_COLUMNS = {
  symbol: "text",
  time: "integer",
  price: "float",
  value: "float",
  step: "float",
  as_of: "integer",
} as const;

/** The channels that the page reads, with the types of their rows. */
export type Channels = typeof channels & {
  readonly heatmap: TypedChannel<HeatmapRow>;
  readonly candles_1m: TypedChannel<Candle>;
};
