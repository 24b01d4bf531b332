/** Bounds and periods of the Postgres source. Each can be set by option. */
export interface PostgresLimits {
  /** Between reads while changes come. */
  readonly pollMs: number;
  /** The longest pause between reads under load: each read is followed by a rest of several times its own length. */
  readonly pollBusyMsMax: number;
  /** Without an answer to a read for this long, the connection counts as lost. A copy takes what it takes. */
  readonly readTimeoutMs: number;
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
  readonly reconnectCapMs: number;
  /** Transactions of mutations that run at once; more wait. */
  readonly writeConnectionsMax: number;
  /** How long a mutation is remembered, so that it is not run again under the same id. */
  readonly mutationWindowMs: number;
  /** How long installing may wait for a lock on a table before it gives up with a message. */
  readonly lockTimeoutMs: number;
}

export const POSTGRES_LIMITS: PostgresLimits = {
  pollMs: 4,
  pollBusyMsMax: 50,
  readTimeoutMs: 30_000,
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
  writeConnectionsMax: 10,
  mutationWindowMs: 24 * 3_600_000,
  lockTimeoutMs: 5_000,
};
