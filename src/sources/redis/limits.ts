/**
 * Limits of the Redis sources, with what happens when one is full. `redisStream({ limits })` and
 * `redisPubSub({ limits })` set them.
 */
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface RedisLimits {
  /**
   * Rows of one commit. Full: the next message begins another commit. One message is one step, so
   * a larger message is a commit of its own. Default 5,000.
   */
  readonly rowsMax: number;
  /** Characters of a message. Longer ones are refused. Default 8 Mi. */
  readonly messageLengthMax: number;
  /** Messages of a stream per read. Default 100. */
  readonly entriesMax: number;
  /**
   * Rows of a stream in the log that the history store does not hold yet. Full: the source does
   * not read. Default 100,000.
   */
  readonly inFlightRowsMax: number;
  /** How long one read waits for messages, in milliseconds. Default 1,000. */
  readonly blockMs: number;
  /** How long Redis may take to answer. After that the connection is lost. Default 5,000. */
  readonly answerMsMax: number;
  /** First and longest pause between two attempts to connect. Default 100 and 5,000. */
  readonly reconnectBaseMs: number;
  readonly reconnectCapMs: number;
  /**
   * Messages of a stream that another consumer of the group has taken and has not acknowledged for
   * so long are taken over. Default 30,000.
   */
  readonly claimIdleMs: number;
  /**
   * Rows of pub/sub messages that wait to be appended. Full: those rows are dropped, and their
   * tables are read anew. Default 100,000.
   */
  readonly queuedRowsMax: number;
  /**
   * Rows that `read` may return. More: the table is stale, with the reason. Default 100,000.
   */
  readonly readRowsMax: number;
  /** How long `read` may take until its signal aborts. Default 30,000. */
  readonly readTimeoutMs: number;
  /** The shortest pause between two reads of one table. Default 50. */
  readonly readPauseMs: number;
}

const DEFAULTS: RedisLimits = {
  rowsMax: 5_000,
  messageLengthMax: 8 * 1024 * 1024,
  entriesMax: 100,
  inFlightRowsMax: 100_000,
  blockMs: 1_000,
  answerMsMax: 5_000,
  reconnectBaseMs: 100,
  reconnectCapMs: 5_000,
  claimIdleMs: 30_000,
  queuedRowsMax: 100_000,
  readRowsMax: 100_000,
  readTimeoutMs: 30_000,
  readPauseMs: 50,
};

/** Limits that can't be set. */
export const FIXED_REDIS_LIMITS = {
  /** Characters of one row's JSON. The message of a longer one is refused. */
  rowLengthMax: 4 * 1024 * 1024,
  /** Levels of one row. The message of a deeper one is refused. */
  rowDepthMax: 200,
  /** Different causes of refused messages that are counted apart. */
  causesMax: 100,
  /** Ids of one XACK, and of one page of a list of pending entries. */
  idsMax: 1_000,
  /** How often freshness is appended when nothing changes, in milliseconds. */
  asOfIntervalMs: 1_000,
} as const;

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function redisLimits(given?: Partial<RedisLimits>): RedisLimits {
  return limitsOf("limits", DEFAULTS, given, [
    ...atLeast<RedisLimits>(
      1,
      "rowsMax",
      "entriesMax",
      "inFlightRowsMax",
      "blockMs",
      "answerMsMax",
      "reconnectBaseMs",
      "claimIdleMs",
      "queuedRowsMax",
      "readRowsMax",
      "readTimeoutMs",
    ),
    ["reconnectBaseMs", "reconnectCapMs"],
  ]);
}
