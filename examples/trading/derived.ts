/**
 * Tables that the server computes from the trades of whichever feed runs: candles of five widths,
 * volumes by market and side, and how far prices have moved.
 */
import { count, derived, first, last, max, min, sum, timeBucket } from "tidemark/derived";
import { DERIVED_HISTORY, feed } from "./channels.ts";

const { trades } = feed;

/** Candles of one width, over all trades that have been; the newest `keep` of each market stay. */
const candles = (width: "1s" | "5s" | "1m" | "15m" | "1h", keep: number) =>
  derived({
    from: { trades },
    over: "stream",
    groupBy: { symbol: "symbol", bucket: timeBucket("time", width, { keep }) },
    columns: {
      open: first("price", { by: "time" }),
      high: max("price"),
      low: min("price"),
      close: last("price", { by: "time" }),
      volume: sum("quantity"),
      trades: count(),
    },
    history: DERIVED_HISTORY,
  });

export const derivedChannels = {
  candles_1s: candles("1s", 3_600),
  candles_5s: candles("5s", 2_880),
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
    columns: { first: first("price", { by: "time" }), last: last("price", { by: "time" }) },
    compute: {
      /** In percent. */
      move: (row) => round((Number(row.last) / Number(row.first) - 1) * 100),
      size: (row) => round(Math.abs(Number(row.last) / Number(row.first) - 1) * 100),
    },
    history: DERIVED_HISTORY,
  }),
};

function round(percent: number): number {
  return Math.round(percent * 1_000) / 1_000;
}
