/**
 * Limits of history. Those of `HistoryLimits` can be set with `createTidemark({ limits: { history }
 * })`.
 */
import { atLeast, limitsOf } from "../std/limits.ts";

export interface HistoryLimits {
  /**
   * Rows that are not stored yet, in memory. Full: newer ones are in the spill file alone. Default
   * 200,000.
   */
  readonly pendingRowsMax: number;
  /** Bytes of these rows' JSON. Full: as above. Default 64 MiB. */
  readonly pendingBytesMax: number;
  /**
   * Bytes of the spill file. Full: producers are refused with `HISTORY_FULL`, and the channels'
   * status tells it. Default 1 GiB.
   */
  readonly spillBytesMax: number;
  /**
   * Rows of one batch while the store lags behind. When more wait, they are written to the spill
   * file as well, and may leave the live tables. Default 20,000.
   */
  readonly batchRowsMax: number;
  /** First and longest wait between two attempts to write. Default 100 and 10,000. */
  readonly retryMs: number;
  readonly retryMsMax: number;
  /** Rows of one page of history. More are refused. Default 1,000. */
  readonly pageRowsMax: number;
  /** Queries of the store at the same time. More wait. Default 4. */
  readonly queriesMax: number;
  /** Queries that wait. Full: refused with `NOT_READY`. Default 256. */
  readonly queriesWaitingMax: number;
  /** How long a query may take. Over it: refused with `QUERY_TOO_COSTLY`. Default 10,000. */
  readonly queryMsMax: number;
  /** How often retention is applied. Default 60,000. */
  readonly trimIntervalMs: number;
  /** Replays at the same time. Full: refused with `NOT_READY`. Default 4. */
  readonly replaysMax: number;
  /** Rows of the tables of one replay. Full: it ends with `REPLAY_TOO_LARGE`. Default 200,000. */
  readonly replayRowsMax: number;
  /** Rows per second of one replay. Over it, the replay is slower than asked. Default 20,000. */
  readonly replayRowsPerSecondMax: number;
  /** Entries of one read of the store; a replay reads one such part ahead. Default 1,000. */
  readonly replayReadMax: number;
}

export const HISTORY_LIMITS: HistoryLimits = {
  pendingRowsMax: 200_000,
  pendingBytesMax: 64 * 1024 * 1024,
  spillBytesMax: 1024 * 1024 * 1024,
  batchRowsMax: 20_000,
  retryMs: 100,
  retryMsMax: 10_000,
  pageRowsMax: 1_000,
  queriesMax: 4,
  queriesWaitingMax: 256,
  queryMsMax: 10_000,
  trimIntervalMs: 60_000,
  replaysMax: 4,
  replayRowsMax: 200_000,
  replayRowsPerSecondMax: 20_000,
  replayReadMax: 1_000,
};

/** Limits that can't be set. */
export const FIXED_HISTORY_LIMITS = {
  /** Ids of ingest requests that a store remembers, to answer a repeated request alike. */
  requestIdsMax: 10_000,
  /**
   * What one page keeps of the rows that the store does not hold yet: keys, and bytes of the JSON
   * of rows that may be in the page. More: refused with `NOT_READY`.
   */
  overlayKeysMax: 400_000,
  overlayBytesMax: 128 * 1024 * 1024,
  /**
   * The log of a server begins so far above the stored seq, and the stored seq follows the log
   * within half of it, rows or no rows. An earlier process may have told seqs that it did not
   * store, and no seq may mean two things.
   */
  seqGap: 1_000_000,
} as const;

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function historyLimits(given?: Partial<HistoryLimits>): HistoryLimits {
  return limitsOf("limits.history", HISTORY_LIMITS, given, [
    ...atLeast<HistoryLimits>(1, "batchRowsMax", "pageRowsMax", "queriesMax", "retryMs"),
    ...atLeast<HistoryLimits>(1, "replayRowsPerSecondMax", "replayReadMax"),
    ["retryMs", "retryMsMax"],
  ]);
}
