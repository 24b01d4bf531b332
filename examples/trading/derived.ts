/**
 * Tables that the server computes from the trades of whichever feed runs: candles of five widths,
 * volumes by market and side, and how far prices have moved.
 */
import { count, derived, first, last, max, min, sum, timeBucket } from "tidemark/derived";
import { DERIVED_HISTORY, feed } from "./channels.ts";

const { trades } = feed;

/**
 * Candles of one width, over all trades that have been. The newest `keep` of each market stay in
 * the live table: at least the 1,000 that the page begins with. It scrolls on into the store.
 */
const candles = (width: "1s" | "5s" | "1m" | "15m" | "1h", keep: number) =>
  derived({
    from: { trades },
    over: "stream",
    groupBy: { symbol: "symbol", bucket: timeBucket("time", width, { keep }) },
    columns: {
      // Ids rise with each trade of a market; many trades have the same time.
      open: first("price", { by: "id" }),
      high: max("price"),
      low: min("price"),
      close: last("price", { by: "id" }),
      volume: sum("quantity"),
      trades: count(),
    },
    history: DERIVED_HISTORY,
  });

export const derivedChannels = {
  candles_1s: candles("1s", 1_200),
  candles_5s: candles("5s", 1_440),
  candles_1m: candles("1m", 2_880),
  candles_15m: candles("15m", 1_920),
  candles_1h: candles("1h", 1_440),
  /** Of the trades in the live table. */
  volumes: derived({
    from: { trades },
    over: "window",
    groupBy: { symbol: "symbol", side: "side" },
    columns: { volume: sum("quantity"), trades: count() },
    history: DERIVED_HISTORY,
  }),
  movers: derived({
    from: { trades },
    over: "window",
    groupBy: { symbol: "symbol" },
    columns: { first: first("price", { by: "id" }), last: last("price", { by: "id" }) },
    compute: {
      /** In percent. */
      move: ({ first, last }) => percent(first, last),
      size: ({ first, last }) => Math.abs(percent(first, last)),
    },
    history: DERIVED_HISTORY,
  }),
};

/** The change in percent with two digits; halves are rounded away from zero. */
function percent(first: string, last: string): number {
  // Quotients of whole numbers are exact where they end in a half.
  const [from, to] = [Math.round(Number(first) * 1e8), Math.round(Number(last) * 1e8)];
  const rounded = Math.round((Math.abs(to - from) * 10_000) / from) / 100;
  return to < from ? 0 - rounded : rounded;
}
