/**
 * The next whole heatmap from the one before and a server's changes. Columns and price levels are
 * those that still have a cell. Retains nothing.
 */
import { CELLS_MAX, type HeatmapChanges, type HeatmapData } from "./messages.ts";

/** Undefined when the result would have more cells than a page can show. */
export function withChanges(before: HeatmapData, changes: HeatmapChanges): HeatmapData | undefined {
  const columns = columnsOf(before);
  for (const [time, price] of changes.removes) {
    const column = columns.get(time);
    column?.delete(price);
    if (column?.size === 0) columns.delete(time);
  }
  for (const [time, price, value] of changes.cells) {
    let column = columns.get(time);
    if (column === undefined) columns.set(time, (column = new Map()));
    column.set(price, value);
  }
  const times = [...columns.keys()].sort((a, b) => a - b);
  const levels = new Set<number>();
  for (const column of columns.values()) for (const price of column.keys()) levels.add(price);
  if (times.length * levels.size > CELLS_MAX) return undefined;
  const prices = [...levels].sort((a, b) => a - b);
  return {
    ...before,
    times,
    prices,
    values: prices.map((price) => times.map((time) => columns.get(time)?.get(price) ?? 0)),
    price: changes.price,
    as_of: changes.as_of,
  };
}

/** The cells by time and price. A zero stands for a cell that is not there. */
function columnsOf({ times, prices, values }: HeatmapData): Map<number, Map<number, number>> {
  const columns = new Map<number, Map<number, number>>();
  times.forEach((time, at) => {
    const column = new Map<number, number>();
    prices.forEach((price, level) => {
      const value = values[level]?.[at] ?? 0;
      if (value !== 0) column.set(price, value);
    });
    if (column.size > 0) columns.set(time, column);
  });
  return columns;
}
