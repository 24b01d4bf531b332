/** The heatmap of one symbol: where positions that were opened lately would be liquidated. */
import type { QueriedHistoryStore } from "tidemark/duckdb";
import type { HeatmapRow } from "../channels.ts";
import { gridOf, levelPrice, type HeatmapData } from "./grid.ts";
import {
  COLUMNS_MAX,
  DEFAULT_INTERVAL_MINUTES,
  DEFAULT_MINUTES,
  LIFETIME_MINUTES,
  MINUTE_MS,
  stepOf,
} from "./settings.ts";
import { heatmapStatement, newestStatement, type StatementDialect } from "./statement.ts";

interface HeatmapOptions {
  readonly symbol: string;
  /** Unix milliseconds. Default: `minutes` before the newest trade. */
  readonly start?: number | undefined;
  /** Default 15. */
  readonly minutes?: number | undefined;
  /** The width of a column, in whole minutes. Default 5. */
  readonly intervalMinutes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HeatmapModel {
  /** The grid of prices and times. */
  readonly calculateTimeEvolvingHeatmap: (options: HeatmapOptions) => Promise<HeatmapData>;
  /** The same as rows of the channel; none if the symbol has no trades. */
  readonly rows: (options: HeatmapOptions) => Promise<readonly HeatmapRow[]>;
}

/** A window of whole columns. Minutes are counted since 1970. */
interface HeatmapWindow {
  readonly firstMinute: number;
  readonly intervalMinutes: number;
  readonly asOfMs: number;
}

/** The model over the trades in a store. */
export function heatmapModel(
  store: QueriedHistoryStore,
  dialect: StatementDialect,
  { hasOpenInterest = false }: { readonly hasOpenInterest?: boolean } = {},
): HeatmapModel {
  const newest = store.query(newestStatement(dialect));
  const levels = store.query(heatmapStatement(dialect, hasOpenInterest));
  const rows = async ({
    symbol,
    signal,
    ...options
  }: HeatmapOptions): Promise<readonly HeatmapRow[]> => {
    const [trade] = (await newest({ symbol }, signal)) as readonly NewestTrade[];
    if (trade === undefined) return [];
    const window = windowOf(trade.at_ms, options);
    const step = stepOf(trade.last_price);
    const parameters = {
      symbol,
      from_ms: (window.firstMinute - LIFETIME_MINUTES) * MINUTE_MS,
      as_of_ms: window.asOfMs,
      first_minute: window.firstMinute,
      interval: window.intervalMinutes,
      lifetime: LIFETIME_MINUTES,
      step,
    };
    return rowsOf(symbol, window, step, (await levels(parameters, signal)) as StatementRow[]);
  };
  const calculateTimeEvolvingHeatmap = async (options: HeatmapOptions): Promise<HeatmapData> =>
    gridOf(options.symbol, await rows(options));
  return { calculateTimeEvolvingHeatmap, rows };
}

/** @throws RangeError for a window that is no window */
function windowOf(
  asOfMs: number,
  {
    start,
    minutes = DEFAULT_MINUTES,
    intervalMinutes = DEFAULT_INTERVAL_MINUTES,
  }: Omit<HeatmapOptions, "symbol">,
): HeatmapWindow {
  if (!Number.isInteger(intervalMinutes) || intervalMinutes < 1)
    throw new RangeError("intervalMinutes is a whole number of at least 1.");
  const startMs = start ?? asOfMs - minutes * MINUTE_MS;
  const columnMs = intervalMinutes * MINUTE_MS;
  const firstColumn = Math.floor(startMs / columnMs);
  const columns = Math.floor(asOfMs / columnMs) - firstColumn + 1;
  if (!(columns <= COLUMNS_MAX))
    throw new RangeError(`A heatmap has at most ${COLUMNS_MAX} columns, and not ${columns}.`);
  return { firstMinute: firstColumn * intervalMinutes, intervalMinutes, asOfMs };
}

/** A value of the table, with three significant digits. */
function roundedValue(value: number): number {
  return Number(value.toPrecision(3));
}

interface NewestTrade {
  readonly at_ms: number;
  readonly last_price: number;
}

interface StatementRow {
  readonly time_ms: number;
  /** In steps; 0 for the column itself. */
  readonly level: number;
  readonly value: number;
}

/** The rows of the channel: of each column its closing price, and its levels. */
function rowsOf(
  symbol: string,
  { asOfMs, intervalMinutes }: HeatmapWindow,
  step: number,
  rows: readonly StatementRow[],
): readonly HeatmapRow[] {
  const columnMs = intervalMinutes * MINUTE_MS;
  const newestMs = Math.floor(asOfMs / columnMs) * columnMs;
  return rows.flatMap(({ time_ms: time, level, value }): readonly HeatmapRow[] => {
    if (level !== 0) {
      const rounded = roundedValue(value);
      const price = levelPrice(level, step);
      return rounded > 0 ? [{ symbol, time, price, value: rounded }] : [];
    }
    const isNewest = time === newestMs;
    return [{ symbol, time, price: 0, value, ...(isNewest && { step, as_of: asOfMs }) }];
  });
}
