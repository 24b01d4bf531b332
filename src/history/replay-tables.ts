/** The tables with which a replay begins: the newest rows as of its first seq. */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { SourceStatus } from "../log/log.ts";
import { firstState, nextState } from "../table/channel-state.ts";
import type { ChannelCheckpoint, Checkpoint } from "../table/checkpoint.ts";
import { beginWith } from "./begin-with.ts";
import type { HistoryStore, StoredRow } from "./history.ts";

export interface TablesOptions {
  readonly store: HistoryStore;
  readonly channels: readonly ChannelDeclaration[];
  /** Rows of all tables together. */
  readonly rowsMax: number;
  readonly epoch: string;
  readonly from: { readonly seq: number; readonly timeMs: number | undefined };
  readonly status: SourceStatus;
  readonly source: string;
}

/**
 * Each within its channel's bounds, as after a restart of the server.
 * @throws TidemarkError `HISTORY_TRIMMED`, `HISTORY_UNAVAILABLE`, `REPLAY_TOO_LARGE`
 */
export async function readTables(options: TablesOptions): Promise<Checkpoint> {
  const { channels, epoch, from, rowsMax, source, store } = options;
  const tables: (readonly [ChannelDeclaration, readonly StoredRow[]])[] = [];
  let left = rowsMax;
  let timeMs = from.timeMs ?? 0;
  for (const channel of channels) {
    const { rowsMax: channelRowsMax, bytesMax, ageMsMax } = channel.bounds;
    const rows = await store.newest(channel, {
      rowsMax: Math.min(channelRowsMax, left + 1),
      bytesMax,
      sinceMs: (from.timeMs ?? Number.NEGATIVE_INFINITY) - ageMsMax,
      asOf: from.seq,
    });
    left -= rows.length;
    if (left < 0) throw tooLarge(rowsMax);
    for (const row of rows) timeMs = Math.max(timeMs, row.timeMs);
    tables.push([channel, rows]);
  }
  return {
    epoch,
    seq: from.seq,
    timeMs,
    durableSeq: from.seq,
    sourcePositions: [],
    asOf: [[source, timeMs]],
    channels: tables.map(([channel, rows]) => tableOf(channel, rows, timeMs, options)),
  };
}

export function tooLarge(rowsMax: number): TidemarkError {
  return new TidemarkError(
    "REPLAY_TOO_LARGE",
    `The tables of this replay have more than ${rowsMax} rows (replayRowsMax). Name fewer channels: channels=a,b.`,
  );
}

function tableOf(
  declaration: ChannelDeclaration,
  newestFirst: readonly StoredRow[],
  timeMs: number,
  { from, source, status }: TablesOptions,
): ChannelCheckpoint {
  const since = timeMs - declaration.bounds.ageMsMax;
  const rows = newestFirst.filter((row) => row.timeMs >= since);
  return {
    declaration,
    state: nextState(firstState(source, timeMs), status, timeMs),
    total: undefined,
    rows: beginWith(rows, from.seq),
  };
}
