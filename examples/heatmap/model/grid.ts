/** The grid of prices and times that a heatmap's rows stand for, as clients receive it. */
import type { HeatmapRow } from "../channels.ts";

/** The `data` of a snapshot. */
export interface HeatmapData {
  readonly symbol: string;
  /** Where each column starts, in Unix milliseconds. */
  readonly times: readonly number[];
  /** The middles of the levels, ascending, `step` apart. */
  readonly prices: readonly number[];
  /** For each price one value per time: USD that would be liquidated there. */
  readonly values: readonly (readonly number[])[];
  /** The last price of each column. Levels below it are of longs, above it of shorts. */
  readonly closes: readonly number[];
  readonly step: number;
  /** The last price, and the time of the trade that had it. Absent without trades. */
  readonly price?: number;
  readonly as_of?: number;
}

/** The rows of one symbol, in any order. */
export function gridOf(symbol: string, rows: readonly HeatmapRow[]): HeatmapData {
  const columns = rows.filter(({ price }) => price === 0).toSorted((a, b) => a.time - b.time);
  const newest = columns.at(-1);
  const step = newest?.step ?? 0;
  const levels = rows.filter(({ price }) => price !== 0);
  const prices = pricesOf(levels, step);
  const placeOfTime = new Map(columns.map(({ time }, place) => [time, place]));
  const placeOfPrice = new Map(prices.map((price, place) => [price, place]));
  const values = prices.map(() => columns.map(() => 0));
  for (const { time, price, value } of levels) {
    const line = values[placeOfPrice.get(price) ?? -1];
    const place = placeOfTime.get(time);
    if (line !== undefined && place !== undefined) line[place] = value;
  }
  return {
    symbol,
    times: columns.map(({ time }) => time),
    prices,
    values,
    closes: columns.map(({ value }) => value),
    step,
    ...(newest !== undefined && { price: newest.value }),
    ...(newest?.as_of !== undefined && { as_of: newest.as_of }),
  };
}

/** All levels from the lowest to the highest one that has a value. */
function pricesOf(levels: readonly HeatmapRow[], step: number): readonly number[] {
  if (levels.length === 0 || step === 0) return [];
  const places = levels.map(({ price }) => Math.round(price / step));
  const lowest = places.reduce((low, place) => Math.min(low, place), Number.POSITIVE_INFINITY);
  const highest = places.reduce((high, place) => Math.max(high, place), 0);
  return Array.from({ length: highest - lowest + 1 }, (_, index) =>
    levelPrice(lowest + index, step),
  );
}

/** The price of a level: a decimal number with as many digits as the step. */
export function levelPrice(level: number, step: number): number {
  return Number((level * step).toFixed(Math.max(0, -Math.floor(Math.log10(step)))));
}
