/** How many rows of the table the grid has, in words. */
import type { ChannelHistorySpan } from "../src/client/index.ts";
import type { LiveQueryResult } from "../src/react/index.ts";
import { formatCount } from "../examples/ui/format.ts";

export interface CountContext {
  readonly isFiltered: boolean;
  readonly isNewestFirst: boolean;
  /** The rows of the channel's history at present, where the server says. */
  readonly historyRows: number | undefined;
  /** Of a view that has only its first rows: so many. */
  readonly limit: number | undefined;
}

export function countText(view: LiveQueryResult, context: CountContext): string {
  const { keys, status, history } = view;
  if (status === "loading" || status === "refused" || status === "idle") return "";
  if (history !== undefined) return scrolledText(view, context);
  if (context.limit !== undefined) return limitedText(view, context, context.limit);
  return liveText(view, context.isFiltered, keys.length);
}

function scrolledText(
  { keys, history }: LiveQueryResult,
  { isFiltered, isNewestFirst, historyRows }: CountContext,
): string {
  const count = formatCount(keys.length);
  if (history?.hasMore !== true)
    return isFiltered ? `${count} matching rows` : rowsText(keys.length);
  if (isFiltered) return `${count} matching rows loaded`;
  if (historyRows === undefined) return `${count} rows loaded`;
  const all = formatCount(Math.max(historyRows, keys.length));
  return isNewestFirst ? `newest ${count} of ${all}` : `${count} of ${all} rows`;
}

function limitedText(
  { keys, channelRows }: LiveQueryResult,
  { isFiltered, isNewestFirst }: CountContext,
  limit: number,
): string {
  const count = formatCount(keys.length);
  if (keys.length < limit) return isFiltered ? `${count} matching rows` : rowsText(keys.length);
  const first = `${isNewestFirst ? "newest" : "first"} ${count}`;
  if (isFiltered || channelRows === undefined) return `${first} rows`;
  return `${first} of ${formatCount(Math.max(channelRows, keys.length))}`;
}

function liveText(
  { isPartial, totalRows, channelRows }: LiveQueryResult,
  isFiltered: boolean,
  shown: number,
): string {
  const rowCount =
    channelRows === undefined ? "" : formatCount(Math.max(channelRows, isFiltered ? 0 : shown));
  const scope =
    isPartial && totalRows !== undefined && totalRows > (channelRows ?? 0)
      ? `newest ${rowCount} of ${formatCount(totalRows)}`
      : "";
  if (isFiltered) return `${formatCount(shown)} of ${scope || rowCount} rows`;
  return scope || rowsText(shown);
}

function rowsText(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "row" : "rows"}`;
}

/** Since when the channel keeps history, and whether the store takes rows. */
export function historyText(history: ChannelHistorySpan | undefined): string | undefined {
  if (history?.fromTimeMs === undefined) return undefined;
  const since = `History since ${new Date(history.fromTimeMs).toLocaleString()}`;
  if (history.status === "retrying") return `${since}. The store takes no rows at present.`;
  return history.status === "full" ? `${since}. The store is behind: rows are refused.` : since;
}
