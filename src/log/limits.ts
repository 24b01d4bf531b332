/**
 * Limits of the log in memory and of channels, with what happens when one is full. Those of the log
 * can be set with `createTidemark({ limits: { log } })`, those of a channel with `channel({ bounds
 * })`.
 */
import { limitsOf } from "../std/limits.ts";

export interface LogLimits {
  /**
   * Rows in commits that some reader has not acknowledged. Full: `append` waits. One commit may
   * exceed it alone. Default 200,000.
   */
  readonly pendingRowsMax: number;
  /**
   * Callers that wait in `append`. Full: `append` fails with `LOG_FULL`, and nothing is written.
   * Default 10,000.
   */
  readonly waitersMax: number;
}

export const LOG_LIMITS: LogLimits = {
  pendingRowsMax: 200_000,
  waitersMax: 10_000,
};

/** @throws TidemarkError `BAD_OPTION` for an unknown limit */
export function logLimits(given?: Partial<LogLimits>): LogLimits {
  return limitsOf("limits.log", LOG_LIMITS, given);
}

/** Bounds of one channel. Over one of the first three, rows are evicted. */
export interface ChannelBounds {
  /** Default 100,000. */
  readonly rowsMax: number;
  /** Bytes of the rows' JSON. Default 256 MiB. */
  readonly bytesMax: number;
  /** Age since a row's last change, by commit time. Infinity, the default, keeps rows for ever. */
  readonly ageMsMax: number;
  /**
   * Which rows leave over `rowsMax` and `bytesMax`: those that changed longest ago, the default, or
   * those that entered longest ago. With `oldest_arrival` the table is a ring of the newest rows by
   * arrival: a later change of a row does not keep it longer.
   */
  readonly evict?: "oldest_change" | "oldest_arrival";
  /**
   * False: under the server's memory budget (`readModelBytesMax`) all rows of the channel may
   * leave, and they leave first. Default true.
   */
  readonly critical?: boolean;
  /** The newest rows that the budget leaves in a critical channel. Default 1,000. */
  readonly rowsMin?: number;
  /**
   * Keys remembered after they left. Full: the floor rises, and older cursors get a snapshot.
   * Default 100,000.
   */
  readonly tombstonesMax: number;
}

/** Of `rowsMin`. */
export const ROWS_MIN = 1_000;

export const CHANNEL_BOUNDS: ChannelBounds = {
  rowsMax: 100_000,
  bytesMax: 256 * 1024 * 1024,
  ageMsMax: Number.POSITIVE_INFINITY,
  tombstonesMax: 100_000,
};

/**
 * How the rows of one channel go to the history store, and how long they stay. A batch is written
 * when one of the first two is reached, no batch is being written, and the store has rested.
 */
export interface ChannelHistory {
  /** Rows that wait. Default 50. */
  readonly maxRows: number;
  /** How long a row waits, in milliseconds. Default 200. */
  readonly maxDelayMs: number;
  /**
   * A key is not written again after its row has left the live table, as with trades or log lines.
   * Then a change of a row that is not in the live table need not be told to clients that have
   * scrolled back to it. Default false.
   */
  readonly appendOnly: boolean;
  /**
   * Versions of rows are forgotten when they are older than `keepMs`, by commit time, or when newer
   * ones fill `keepRows` or `keepBytes`. Rows of the live table stay. Default: Infinity, all are
   * kept.
   */
  readonly keepMs: number;
  readonly keepRows: number;
  readonly keepBytes: number;
}

export const CHANNEL_HISTORY: ChannelHistory = {
  maxRows: 50,
  maxDelayMs: 200,
  appendOnly: false,
  keepMs: Number.POSITIVE_INFINITY,
  keepRows: Number.POSITIVE_INFINITY,
  keepBytes: Number.POSITIVE_INFINITY,
};
