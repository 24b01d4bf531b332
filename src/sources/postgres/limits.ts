/** Bounds and periods of the Postgres source. Each can be set by option. */
export interface PostgresLimits {
  /** Between reads while changes come. */
  readonly pollMs: number;
  /** The longest pause between reads under load: each read is followed by a rest of several times its own length. */
  readonly pollBusyMsMax: number;
  /** Without an answer for this long, the channels are stale and say so; the connection is kept. */
  readonly answerMsMax: number;
  /** Without any answer for this long, the connection counts as lost. */
  readonly readTimeoutMs: number;
  /** The same while tables are copied, or others of our statements run that take long. */
  readonly copyTimeoutMs: number;
  /** How long a read may wait for a lock on a table before that table is held back and the others go on. */
  readonly readLockMs: number;
  /** The longest pause before a table that was held back is tried again. */
  readonly retryTableMsMax: number;
  /** How long, as a lease begins, transactions that wrote before it are waited for, so that one copy has them all. */
  readonly settleMsMax: number;
  /** Bytes of one row's JSON. A larger one is replaced by its key and `$omitted`. */
  readonly rowBytesMax: number;
  /** Levels of nesting in one row's JSON. A deeper one likewise. */
  readonly rowDepthMax: number;
  /** The longest pause between reads that found nothing, before sleeping. */
  readonly pollIdleMsMax: number;
  /** Quiet after which the reader sleeps and lets writers ring. */
  readonly sleepAfterMs: number;
  /** Between reads while asleep: covers a writer that looked just before we fell asleep. */
  readonly pollAsleepMs: number;
  /** Triggers write to the outbox only while some reader's lease lives; so nobody reading bounds its growth. */
  readonly leaseSeconds: number;
  readonly renewMs: number;
  /** Between two prunings of the outbox. */
  readonly pruneMs: number;
  /** Keys in one commit. More changes than that, and the tables concerned are copied anew. */
  readonly commitRowsMax: number;
  /** Rows fetched at a time while copying. */
  readonly copyChunkRows: number;
  /** Tables estimated larger than this are counted by estimate. */
  readonly exactCountRowsMax: number;
  readonly reconnectBaseMs: number;
  /** The longest pause between attempts to connect while nobody watches… */
  readonly reconnectCapMs: number;
  /** …and while somebody does. */
  readonly reconnectWatchedMsMax: number;
  /** Transactions of mutations that run at once; more wait. */
  readonly writeConnectionsMax: number;
  /** How long a mutation is remembered, so that it is not run again under the same id. */
  readonly mutationWindowMs: number;
  /** Refused mutations of one caller that are remembered. Full: the oldest is forgotten. */
  readonly refusalsPerCallerMax: number;
  /** Of all callers. */
  readonly refusalsMax: number;
  /** How long installing may wait for a lock on a table before it gives up with a message. */
  readonly lockTimeoutMs: number;
}

export const POSTGRES_LIMITS: PostgresLimits = {
  pollMs: 4,
  pollBusyMsMax: 50,
  answerMsMax: 2_000,
  readTimeoutMs: 4_000,
  copyTimeoutMs: 60_000,
  readLockMs: 300,
  retryTableMsMax: 5_000,
  settleMsMax: 1_000,
  rowBytesMax: 4 * 1024 * 1024,
  rowDepthMax: 200,
  pollIdleMsMax: 20,
  sleepAfterMs: 1_000,
  pollAsleepMs: 500,
  leaseSeconds: 60,
  renewMs: 5_000,
  pruneMs: 1_000,
  commitRowsMax: 50_000,
  copyChunkRows: 5_000,
  exactCountRowsMax: 5_000_000,
  reconnectBaseMs: 250,
  reconnectCapMs: 5_000,
  reconnectWatchedMsMax: 500,
  writeConnectionsMax: 10,
  mutationWindowMs: 24 * 3_600_000,
  refusalsPerCallerMax: 1_000,
  refusalsMax: 10_000,
  lockTimeoutMs: 2_000,
};
