/**
 * The heatmap's model as slow loops over trades, written from the README and not from the SQL: each
 * trade opens one position per tier, and each position is followed minute by minute.
 */
import {
  LIFETIME_MINUTES,
  MINUTE_MS,
  OPENED_SHARE,
  SPAN,
  TIERS,
} from "../../examples/heatmap/model/settings.ts";

export interface ReferenceTrade {
  readonly timeMs: number;
  readonly price: number;
  readonly quantity: number;
  readonly side: "buy" | "sell";
}

export interface ReferenceOptions {
  readonly startMs: number;
  readonly intervalMinutes: number;
  readonly step: number;
  /** By minute: the quantity that is open at its end. */
  readonly openInterest?: ReadonlyMap<number, number>;
}

/** By the start of each column: its closing price, and USD by level, in steps. */
export type Reference = ReadonlyMap<
  number,
  { readonly close: number; readonly levels: ReadonlyMap<number, number> }
>;

interface Position {
  readonly minute: number;
  readonly level: number;
  readonly notional: number;
  readonly crossedMinute: number;
}

/** The trades in the order of time. */
export function referenceHeatmap(
  trades: readonly ReferenceTrade[],
  { startMs, intervalMinutes, step, openInterest = new Map() }: ReferenceOptions,
): Reference {
  const minuteOf = ({ timeMs }: ReferenceTrade): number => Math.floor(timeMs / MINUTE_MS);
  const lastMinute = Math.max(...trades.map(minuteOf));
  const firstColumn = Math.floor(startMs / MINUTE_MS / intervalMinutes);
  // What is older can be in no column.
  const read = trades.filter(
    (trade) => minuteOf(trade) >= firstColumn * intervalMinutes - LIFETIME_MINUTES,
  );
  const byMinute = new Map<number, ReferenceTrade[]>();
  for (const trade of read)
    byMinute.set(minuteOf(trade), [...(byMinute.get(minuteOf(trade)) ?? []), trade]);
  const positions = read.flatMap((trade) => {
    const minute = minuteOf(trade);
    const share = shareOf(minute, byMinute, openInterest);
    return positionsOf(trade, minute, share, step, byMinute, lastMinute);
  });
  const columns = new Map<number, { close: number; levels: Map<number, number> }>();
  for (let column = firstColumn; column * intervalMinutes <= lastMinute; column++) {
    const end = (column + 1) * intervalMinutes - 1;
    const close = read.findLast((trade) => minuteOf(trade) <= end)?.price;
    if (close === undefined) continue;
    const levels = new Map<number, number>();
    for (const { minute, level, notional, crossedMinute } of positions) {
      const isOpen = minute <= end && minute > end - LIFETIME_MINUTES && crossedMinute > end;
      if (isOpen && Math.abs((level * step) / close - 1) <= SPAN)
        levels.set(level, (levels.get(level) ?? 0) + notional);
    }
    columns.set(column * intervalMinutes * MINUTE_MS, { close, levels });
  }
  return columns;
}

function positionsOf(
  { price, quantity, side }: ReferenceTrade,
  minute: number,
  share: number,
  step: number,
  byMinute: ReadonlyMap<number, readonly ReferenceTrade[]>,
  lastMinute: number,
): readonly Position[] {
  return TIERS.map(({ leverage, weight, maintenance }) => {
    const liquidation =
      side === "buy"
        ? (price * (1 - 1 / leverage)) / (1 - maintenance)
        : (price * (1 + 1 / leverage)) / (1 + maintenance);
    const level = Math.round(liquidation / step);
    let crossedMinute = minute + 1;
    const isCrossed = (each: ReferenceTrade): boolean =>
      side === "buy" ? each.price <= level * step : each.price >= level * step;
    while (crossedMinute <= lastMinute && byMinute.get(crossedMinute)?.some(isCrossed) !== true)
      crossedMinute++;
    if (crossedMinute > lastMinute) crossedMinute = Number.POSITIVE_INFINITY;
    return { minute, level, notional: price * quantity * share * weight, crossedMinute };
  });
}

/** The share of a minute's trades that opened positions. */
function shareOf(
  minute: number,
  byMinute: ReadonlyMap<number, readonly ReferenceTrade[]>,
  openInterest: ReadonlyMap<number, number>,
): number {
  const [before, after] = [openInterest.get(minute - 1), openInterest.get(minute)];
  if (before === undefined || after === undefined) return OPENED_SHARE;
  const volume = (byMinute.get(minute) ?? []).reduce((sum, { quantity }) => sum + quantity, 0);
  return Math.min(1, Math.max(0, after - before) / volume);
}
