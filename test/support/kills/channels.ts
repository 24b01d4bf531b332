/**
 * What the killed server serves, and what is sent to it: one commit over three channels, and a
 * table that is derived from one of them.
 */
import { count, derived, first, last, max, min, sum } from "../../../src/derived/index.ts";
import { channel } from "../../../src/index.ts";

/** Newest rows that the live tables hold: fewer than are sent, so that rows are evicted. */
export const LIVE_ROWS = { trades: 300, book: 40, recent: 200 } as const;
/** Keys of the book, which are written again and again. */
export const BOOK_KEYS = 60;
/** Rows that retention leaves of `recent`. */
export const RECENT_ROWS = 500;

export interface Trade {
  readonly id: string;
  readonly commit: number;
  readonly symbol: string;
  /** A decimal with two digits. */
  readonly size: string;
  readonly note: string;
}

export interface Level {
  readonly price: string;
  readonly commit: number;
  readonly quantity: number;
}

/** The rows of one commit. Each names its commit. */
export interface SentCommit {
  readonly commit: number;
  readonly trades: readonly Trade[];
  readonly levels: readonly Level[];
  readonly removedPrices: readonly string[];
  /** Rows of `recent`, a channel with retention. */
  readonly recent: readonly Trade[];
}

const history = { maxRows: 20, maxDelayMs: 20 };

const columns = {
  id: "text",
  commit: "integer",
  symbol: "text",
  size: "numeric",
  note: "text",
} as const;
const trades = channel<Trade>({
  key: "id",
  columns,
  bounds: { rowsMax: LIVE_ROWS.trades },
  history: { ...history, appendOnly: true },
});

export const channels = {
  trades,
  /** Of all trades, whether the live table has them or only the store. */
  totals: derived({
    from: { trades },
    over: "stream",
    groupBy: { symbol: "symbol" },
    columns: {
      trades: count(),
      total: sum("size"),
      low: min("size"),
      high: max("size"),
      first: first("id", { by: "id" }),
      last: last("commit", { by: "id" }),
    },
    history,
  }),
  book: channel<Level>({
    key: "price",
    columns: { price: "text", commit: "integer", quantity: "float" },
    bounds: { rowsMax: LIVE_ROWS.book },
    history,
  }),
  recent: channel<Trade>({
    key: "id",
    columns,
    bounds: { rowsMax: LIVE_ROWS.recent },
    history: { ...history, appendOnly: true, keepRows: RECENT_ROWS },
  }),
};

/** What the checker asks of the server's process, and what it says. */
export type Request =
  | { readonly kind: "commit"; readonly sent: SentCommit }
  /** From now on the store's writes fail, or succeed again. */
  | { readonly kind: "fail"; readonly isFailing: boolean }
  | { readonly kind: "stop" };

export type Report =
  /** The store is about to be opened. */
  | { readonly kind: "opening" }
  | { readonly kind: "ready"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string }
  /** Durable, which is what the server calls acknowledged. */
  | { readonly kind: "acknowledged"; readonly commit: number; readonly seq: number }
  | { readonly kind: "refused"; readonly commit: number; readonly message: string };
