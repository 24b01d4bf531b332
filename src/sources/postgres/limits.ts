/**
 * Bounds and periods of the Postgres source, in milliseconds, rows or bytes as their names say,
 * with their defaults below. Each can be set by the option `limits` of `postgres()`.
 */
import { TidemarkError } from "../../std/errors.ts";
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface PostgresLimits {
  /** The shortest pause after a read that found changes. */
  readonly pollMs: number;
  /** The pause is this many times the read's own length… */
  readonly pollRestFactor: number;
  /** …and at most this. */
  readonly pollBusyMsMax: number;
  /**
   * Without an answer for this long, the channels are stale with a reason; the connection is kept.
   */
  readonly answerMsMax: number;
  /** Without any answer for this long, the connection counts as lost. */
  readonly readTimeoutMs: number;
  /** The same while tables are copied, or other long statements of the source run. */
  readonly copyTimeoutMs: number;
  /**
   * How long a read may wait for a lock on a table. Then the table is suspended, and the others
   * are read.
   */
  readonly readLockMs: number;
  /**
   * The first pause before a suspended table is tried again. Each pause is twice the one before…
   */
  readonly retryTableBaseMs: number;
  /** …up to this. */
  readonly retryTableMsMax: number;
  /**
   * How long a new lease waits for transactions that wrote before it, so that one copy has all
   * their changes.
   */
  readonly settleMsMax: number;
  /** The interval of checks whether these transactions have ended. */
  readonly settleStepMs: number;
  /** Bytes of one row's JSON in UTF-8. A larger row is replaced by its key and `$omitted`. */
  readonly rowBytesMax: number;
  /** Levels of nesting in one row's JSON. A deeper row is replaced likewise. */
  readonly rowDepthMax: number;
  /** Rows of each table with a schema that the schema checks at the start: the newest by key. */
  readonly schemaRowsMax: number;
  /** The error names at most so many faults of one of these rows. */
  readonly schemaIssuesMax: number;
  /** The longest pause between reads that found nothing, before sleeping. */
  readonly pollIdleMsMax: number;
  /**
   * After this time with few enough transactions the reader sleeps, and writers wake it by NOTIFY.
   */
  readonly sleepAfterMs: number;
  /**
   * The longest interval between reads while asleep. They find the changes of writers that checked
   * the flag just before the reader fell asleep.
   */
  readonly pollAsleepMs: number;
  /**
   * Transactions that notify commit one after another. They notify while this share of the time
   * would suffice for their commits…
   */
  readonly notifyShareMax: number;
  /** …and no more than these come per second. */
  readonly notifyPerSecondMax: number;
  /** The transactions above that rate after which the reader polls instead. */
  readonly notifyBurstMax: number;
  /**
   * Triggers write to the outbox only while a reader's lease lives, so it does not grow while
   * nobody reads.
   */
  readonly leaseSeconds: number;
  readonly renewMs: number;
  /** The interval between prunings of the outbox. */
  readonly pruneMs: number;
  /** Rows of the outbox that one statement deletes. Reads come between two such statements. */
  readonly pruneRowsMax: number;
  /** Keys in one commit. Where more have changed, the reader copies their tables instead. */
  readonly commitRowsMax: number;
  /** Rows fetched at a time while copying. */
  readonly copyChunkRows: number;
  /**
   * The rows of tables that Postgres estimates to be larger than this are not counted, but
   * estimated.
   */
  readonly exactCountRowsMax: number;
  /**
   * Statements that one connection keeps prepared, one for each set of tables that were read
   * together. Full: another connection begins with none.
   */
  readonly statementsMax: number;
  /** While nothing changes, the source reports its freshness at this interval. */
  readonly asOfStepMs: number;
  readonly reconnectBaseMs: number;
  /**
   * The first pause between attempts to connect is `reconnectBaseMs`; the longest while no view is
   * watched is this…
   */
  readonly reconnectCapMs: number;
  /** …and while a view is watched. */
  readonly reconnectWatchedMsMax: number;
  /** An attempt of the reader to connect is given up after this; others begin sooner. */
  readonly connectTimeoutMs: number;
  /** Attempts to connect that are under way at once; the next begins when one has ended. */
  readonly connectAttemptsMax: number;
  /**
   * After this time without traffic on a reader's connection, TCP probes whether the other side is
   * there.
   */
  readonly keepAliveDelayMs: number;
  /** The interval of checks whether Postgres still answers. */
  readonly watchMs: number;
  /** Transactions of mutations that run at once; more wait. */
  readonly writeConnectionsMax: number;
  /** How long a mutation may wait for a connection before it fails with `SOURCE_DOWN`. */
  readonly writeConnectTimeoutMs: number;
  /** One statement of a mutation. Postgres cancels a longer one, so that its locks are released. */
  readonly writeStatementMsMax: number;
  /** How long a mutation's transaction may be idle between statements before Postgres ends it. */
  readonly writeIdleMsMax: number;
  /**
   * Runs of one mutation that Postgres asks to be tried again (deadlocks, serialization failures).
   * Then it is refused.
   */
  readonly writeAttemptsMax: number;
  /** How long a mutation is remembered, so that it does not run again under the same id. */
  readonly mutationWindowMs: number;
  /** Refused mutations of one caller that are remembered. Full: the oldest are forgotten. */
  readonly refusalsPerCallerMax: number;
  /** Refused mutations of all callers together that are remembered. */
  readonly refusalsMax: number;
  /** After so many refusals, the ones above the bounds are forgotten. */
  readonly forgetRefusalsEvery: number;
  /** How long installing may wait for a lock on a table before it gives up with a message. */
  readonly lockTimeoutMs: number;
}

export const POSTGRES_LIMITS: PostgresLimits = {
  pollMs: 3,
  pollRestFactor: 3,
  pollBusyMsMax: 50,
  answerMsMax: 2_000,
  readTimeoutMs: 4_000,
  copyTimeoutMs: 60_000,
  readLockMs: 300,
  retryTableBaseMs: 500,
  retryTableMsMax: 5_000,
  settleMsMax: 1_000,
  settleStepMs: 10,
  rowBytesMax: 4 * 1024 * 1024,
  rowDepthMax: 200,
  schemaRowsMax: 100,
  schemaIssuesMax: 5,
  pollIdleMsMax: 20,
  sleepAfterMs: 1_000,
  pollAsleepMs: 500,
  notifyShareMax: 0.25,
  notifyPerSecondMax: 300,
  notifyBurstMax: 32,
  leaseSeconds: 60,
  renewMs: 5_000,
  pruneMs: 1_000,
  pruneRowsMax: 500,
  commitRowsMax: 50_000,
  copyChunkRows: 5_000,
  exactCountRowsMax: 5_000_000,
  statementsMax: 64,
  asOfStepMs: 1_000,
  reconnectBaseMs: 250,
  reconnectCapMs: 5_000,
  reconnectWatchedMsMax: 500,
  connectTimeoutMs: 3_000,
  connectAttemptsMax: 8,
  keepAliveDelayMs: 5_000,
  watchMs: 250,
  writeConnectionsMax: 10,
  writeConnectTimeoutMs: 5_000,
  writeStatementMsMax: 30_000,
  writeIdleMsMax: 60_000,
  writeAttemptsMax: 4,
  mutationWindowMs: 24 * 3_600_000,
  refusalsPerCallerMax: 1_000,
  refusalsMax: 10_000,
  forgetRefusalsEvery: 50,
  lockTimeoutMs: 2_000,
};

/** For `tidemark doctor`. */
export const DIAGNOSIS_LIMITS = {
  /**
   * Rows that an outbox has at most while everything is well: a few seconds of writes, until they
   * are pruned.
   */
  outboxRowsMax: 100_000,
};

/**
 * @throws TidemarkError `BAD_OPTION` for an unknown limit, or limits that contradict each other
 */
export function postgresLimits(given?: Partial<PostgresLimits>): PostgresLimits {
  const limits = limitsOf("limits", POSTGRES_LIMITS, given, [
    ["pollMs", "pollBusyMsMax"],
    ["answerMsMax", "readTimeoutMs"],
    ["readTimeoutMs", "copyTimeoutMs"],
    ["retryTableBaseMs", "retryTableMsMax"],
    ["reconnectBaseMs", "reconnectCapMs"],
    ["refusalsPerCallerMax", "refusalsMax"],
    ...atLeast<PostgresLimits>(
      1,
      "copyChunkRows",
      "commitRowsMax",
      "statementsMax",
      "watchMs",
      "reconnectWatchedMsMax",
      "writeConnectionsMax",
      "forgetRefusalsEvery",
      "leaseSeconds",
      "notifyBurstMax",
      "pruneRowsMax",
    ),
  ]);
  // A lease that ends before it is renewed makes the reader copy every table, again and again.
  if (limits.renewMs >= limits.leaseSeconds * 1_000)
    throw new TidemarkError(
      "BAD_OPTION",
      `limits.renewMs (${limits.renewMs}) must be less than limits.leaseSeconds (${limits.leaseSeconds}) in milliseconds.`,
    );
  return limits;
}
