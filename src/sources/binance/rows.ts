/** The channels of the source: their declarations, and the rows as types and as built. */
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { KeyedRow } from "../../log/log.ts";
import type { Column } from "../../protocol/column.ts";
import type { LevelChange } from "./order-book.ts";
import type { Level, TradeEvent } from "./messages.ts";
import type { ChannelKind, CheckedOptions } from "./options.ts";

/** A row of `trades`: an aggregate trade. */
export interface BinanceTrade {
  readonly symbol: string;
  /** The aggregate trade id, unique per symbol. */
  readonly id: number;
  /** A decimal number, as Binance wrote it. */
  readonly price: string;
  readonly quantity: string;
  /** What the taker did. */
  readonly side: "buy" | "sell";
  /** ISO 8601 in UTC. */
  readonly time: string;
}

/** A row of `quotes`: the best bid and ask of a symbol. */
export interface BinanceQuote {
  readonly symbol: string;
  readonly bid: string;
  readonly bid_quantity: string;
  readonly ask: string;
  readonly ask_quantity: string;
  readonly update_id: number;
  /** Null where the stream has none (spot). */
  readonly time: string | null;
}

/** A row of `depth`: one price of the book. */
export interface BinanceLevel {
  readonly symbol: string;
  readonly side: "bid" | "ask";
  readonly price: string;
  readonly quantity: string;
}

export type PartState = "live" | "catching_up" | "stale";

/** A row of `markets`: how a symbol is followed. A column is null where its stream is not read. */
export interface BinanceMarketRow {
  readonly symbol: string;
  readonly trades: PartState | null;
  readonly quotes: PartState | null;
  readonly depth: PartState | null;
  /** Why a part is not live; null where all are. */
  readonly reason: string | null;
  /** How often the book has been replaced by a snapshot. */
  readonly depth_snapshots: number;
  /** Trades that could not be fetched after an interruption, since this process began. */
  readonly missing_trades: number;
  /** The last such ids, as "from to"; null where there are none. */
  readonly missing_ids: string | null;
}

/** A channel as it is declared. */
export interface OwnChannel {
  readonly kind: ChannelKind;
  readonly declaration: ChannelDeclaration;
}

const COLUMNS: Readonly<Record<ChannelKind, readonly Column[]>> = {
  trades: [
    { name: "symbol", type: "text" },
    { name: "id", type: "integer" },
    { name: "price", type: "numeric" },
    { name: "quantity", type: "numeric" },
    { name: "side", type: "text" },
    { name: "time", type: "timestamp" },
  ],
  quotes: [
    { name: "symbol", type: "text" },
    { name: "bid", type: "numeric" },
    { name: "bid_quantity", type: "numeric" },
    { name: "ask", type: "numeric" },
    { name: "ask_quantity", type: "numeric" },
    { name: "update_id", type: "integer" },
    { name: "time", type: "timestamp" },
  ],
  depth: [
    { name: "symbol", type: "text" },
    { name: "side", type: "text" },
    { name: "price", type: "numeric" },
    { name: "quantity", type: "numeric" },
  ],
  markets: [
    { name: "symbol", type: "text" },
    { name: "trades", type: "text" },
    { name: "quotes", type: "text" },
    { name: "depth", type: "text" },
    { name: "reason", type: "text" },
    { name: "depth_snapshots", type: "integer" },
    { name: "missing_trades", type: "integer" },
    { name: "missing_ids", type: "text" },
  ],
};

const KEYS: Readonly<Record<ChannelKind, readonly string[]>> = {
  trades: ["symbol", "id"],
  quotes: ["symbol"],
  depth: ["symbol", "side", "price"],
  markets: ["symbol"],
};

export const STREAM_OF = {
  trades: "aggTrade",
  quotes: "bookTicker",
  depth: "depth@100ms",
} as const;

/** The channels of the streams that are read, and `markets`. @throws TidemarkError `BAD_OPTION` */
export function ownChannels(options: CheckedOptions): readonly OwnChannel[] {
  const { streams, symbols, depthLevels } = options;
  const kinds = (["trades", "quotes", "depth", "markets"] as const).filter(
    (kind) => kind === "markets" || streams.includes(STREAM_OF[kind]),
  );
  return kinds.map((kind) => {
    const { name = kind, bounds, history } = options.channels[kind] ?? {};
    // A bound below what the symbols need would evict levels that exist.
    const rowsMax = symbols.length * (kind === "depth" ? depthLevels * 2 : 1);
    const declaration = declareChannel({
      name,
      key: KEYS[kind],
      columns: COLUMNS[kind],
      bounds: { ...bounds, ...(kind !== "trades" && { rowsMax }) },
      history,
    });
    return { kind, declaration };
  });
}

export function tradeRow({ symbol, id, price, quantity, side, timeMs }: TradeEvent): KeyedRow {
  const row = { symbol, id, price, quantity, side, time: textOf(timeMs) };
  return { key: JSON.stringify([symbol, String(id)]), row: row satisfies BinanceTrade };
}

/** What is known of the best prices. */
export interface Quote {
  readonly updateId: number;
  readonly bid: Level;
  readonly ask: Level;
  readonly timeMs: number | undefined;
}

export function quoteRow(symbol: string, { updateId, bid, ask, timeMs }: Quote): KeyedRow {
  const row = {
    symbol,
    bid: bid[0],
    bid_quantity: bid[1],
    ask: ask[0],
    ask_quantity: ask[1],
    update_id: updateId,
    time: timeMs === undefined ? null : textOf(timeMs),
  };
  return { key: symbol, row: row satisfies BinanceQuote };
}

export function levelKey(symbol: string, { side, price }: LevelChange): string {
  return JSON.stringify([symbol, side, price]);
}

export function levelRow(symbol: string, change: LevelChange, quantity: string): KeyedRow {
  const row = { symbol, side: change.side, price: change.price, quantity };
  return { key: levelKey(symbol, change), row: row satisfies BinanceLevel };
}

function textOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
