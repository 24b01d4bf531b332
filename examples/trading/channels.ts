/**
 * The channels of the dashboard. Whichever feed is chosen fills them; the built-in feed and
 * recordings have the columns that the Binance source has.
 */
import { channel, type ChannelDeclaration, type ChannelHistory } from "tidemark";
import type { BinanceLevel, BinanceQuote, BinanceTrade } from "tidemark/binance";
import type { TypedChannel } from "tidemark/client";
import { COLUMNS } from "./columns.ts";
import { MARKETS, type SymbolRow } from "./symbols.ts";

export type { BinanceLevel as Level, BinanceQuote as Quote, BinanceTrade as Trade };

/** A row of `candles_…`. */
export interface Candle {
  readonly symbol: string;
  /** When it begins. */
  readonly bucket: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly trades: number;
}

/** A row of `volumes`. */
export interface Volume {
  readonly symbol: string;
  readonly side: "buy" | "sell";
  readonly volume: string;
  readonly trades: number;
}

/** A row of `movers`. */
export interface Mover {
  readonly symbol: string;
  readonly first: string;
  readonly last: string;
  /** In percent. */
  readonly move: number;
  readonly size: number;
}

/** The channels of the feed, for the types of their rows. */
export const feed: {
  readonly trades: TypedChannel<BinanceTrade>;
  readonly quotes: TypedChannel<BinanceQuote>;
  readonly depth: TypedChannel<BinanceLevel>;
} = { trades: {}, quotes: {}, depth: {} };
export type FeedChannelName = keyof typeof feed;

/** Trades of the live table; the store has those before. */
export const TRADES_MAX = 20_000;
const HOUR_MS = 3_600_000;

/** Of quotes, books and what is computed each version is kept, so that the page can be rewound. */
const BOOK_HISTORY: ChannelHistory = {
  maxRows: 5_000,
  maxDelayMs: 500,
  appendOnly: false,
  keepMs: 2 * HOUR_MS,
  keepRows: Number.POSITIVE_INFINITY,
  keepBytes: Number.POSITIVE_INFINITY,
};
export const DERIVED_HISTORY = BOOK_HISTORY;
export const HISTORY: Readonly<Record<FeedChannelName, ChannelHistory>> = {
  // All of them: candles are computed from them at each start.
  trades: { ...BOOK_HISTORY, appendOnly: true, keepMs: Number.POSITIVE_INFINITY },
  quotes: BOOK_HISTORY,
  depth: BOOK_HISTORY,
};

/** What the built-in feed and recordings declare. */
export const FEED_CHANNELS: readonly ChannelDeclaration[] = [
  declared("trades", ["symbol", "id"], TRADES_MAX),
  declared("quotes", ["symbol"], 1_000),
  declared("depth", ["symbol", "side", "price"], 20_000),
];

/** The program's own channels: what the markets are called. */
export const channels = {
  symbols: channel<SymbolRow>({
    key: "symbol",
    columns: {
      symbol: "text",
      name: "text",
      price_digits: "integer",
      quantity_digits: "integer",
    },
    history: true,
  }),
};

export const SYMBOL_ROWS: readonly SymbolRow[] = MARKETS.map(
  ({ symbol, name, price_digits, quantity_digits }) => ({
    symbol,
    name,
    price_digits,
    quantity_digits,
  }),
);

type CandleChannel = `candles_${"1s" | "5s" | "1m" | "15m" | "1h"}`;

/** All channels with the types of their rows, for the page. */
export type Channels = typeof channels &
  typeof feed & {
    readonly [N in CandleChannel]: TypedChannel<Candle>;
  } & { readonly volumes: TypedChannel<Volume>; readonly movers: TypedChannel<Mover> };

function declared(
  name: FeedChannelName,
  key: readonly string[],
  rowsMax: number,
): ChannelDeclaration {
  return {
    name,
    key,
    columns: Object.entries(COLUMNS[name]).map(([column, type]) => ({ name: column, type })),
    bounds: {
      rowsMax,
      bytesMax: 64 * 1024 * 1024,
      ageMsMax: Number.POSITIVE_INFINITY,
      tombstonesMax: 20_000,
    },
    history: HISTORY[name],
  };
}
