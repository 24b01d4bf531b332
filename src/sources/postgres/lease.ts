/**
 * The reader's lease: while it lives, triggers write to the outbox; when it ends they stop, so the
 * outbox does not grow while nobody reads. A sequence holds it, outside of transactions, so that
 * every writer sees its newest value whatever the writer's snapshot. All times are the database's.
 */
import type { Clock } from "../../std/clock.ts";
import type { PostgresLimits } from "./limits.ts";
import { asText, type SqlQueries, type SqlSession } from "./sql.ts";
import type { PgSnapshot } from "./pg-snapshot.ts";

export interface LeaseOptions {
  readonly readerId: string;
  readonly leaseSeconds: number;
  readonly clock: Clock;
}

export class Lease {
  readonly #options: LeaseOptions;
  #untilSeconds = 0;
  #isAsleep = false;
  #otherReaders = 0;
  #commitsMs: readonly [number, number] = [0, 0];
  /** The snapshot read before the last pruning: the next pruning deletes up to it. */
  #mayPrune: PgSnapshot | undefined;
  /** The snapshot up to which a round of pruning deletes; undefined between two rounds. */
  #pruning: PgSnapshot | undefined;
  #prunedTo: PgSnapshot | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get readerId(): string {
    return this.#options.readerId;
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  /** Triggers capture all writes until this time, in the database's Unix seconds. */
  get untilSeconds(): number {
    return this.#untilSeconds;
  }

  /**
   * Other servers read the same database. One flag tells writers to notify, so none of the readers
   * sleeps.
   */
  get isShared(): boolean {
    return this.#otherReaders > 0;
  }

  /**
   * How long a commit takes: the shorter of the last two that set the lease, since a single one
   * may have waited for a core. They write a record that must be durable, as an application's do.
   */
  get commitMs(): number {
    return Math.min(...this.#commitsMs);
  }

  /** Begins a lease. Triggers capture the writes of all transactions that begin from now on. */
  async begin(session: SqlSession): Promise<void> {
    const { readerId, leaseSeconds } = this.#options;
    this.#isAsleep = false;
    await session.query(
      `INSERT INTO tidemark.reader (id, lease_until) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
       ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
      // Long enough for a copy. The first renewal shortens it.
      [readerId, leaseSeconds * 60],
    );
    await session.query("INSERT INTO tidemark.alive (id) VALUES ($1) ON CONFLICT DO NOTHING", [
      readerId,
    ]);
    await this.#committing(() => this.#set(session));
  }

  /** Extends the lease while a long copy is under way. */
  extend(queries: SqlQueries): Promise<void> {
    return this.#set(queries);
  }

  /**
   * Extends the lease, and stores the read snapshot. Returns false when the lease had ended
   * before, or others removed this reader: then triggers may have missed changes, and a copy is
   * due.
   */
  async renew(session: SqlSession, snapshot: PgSnapshot): Promise<boolean> {
    const { readerId, leaseSeconds } = this.#options;
    const formerUntil = this.#untilSeconds;
    await this.#committing(() => this.#set(session));
    const [row] = await session.query(
      `WITH gone AS (DELETE FROM tidemark.reader WHERE lease_until < clock_timestamp() AND id <> $1 RETURNING id),
            mine AS (UPDATE tidemark.reader SET snapshot = $2::pg_snapshot, lease_until = clock_timestamp() + make_interval(secs => $3)
                      WHERE id = $1 RETURNING id)
       SELECT (SELECT count(*)::int FROM mine) AS mine,
              (SELECT count(*)::int FROM tidemark.reader WHERE id <> $1 AND lease_until >= clock_timestamp()) AS others,
              extract(epoch FROM clock_timestamp())::text AS now`,
      [readerId, snapshot.text, leaseSeconds],
    );
    this.#otherReaders = Number(row?.["others"]);
    return row?.["mine"] === 1 && Number(row["now"]) < formerUntil;
  }

  /** While the reader sleeps, writers wake it by NOTIFY. */
  async setAsleep(session: SqlSession, isAsleep: boolean): Promise<void> {
    this.#isAsleep = isAsleep;
    const until = Math.floor(this.#untilSeconds);
    await this.#committing(() =>
      session.query(
        `SELECT setval('tidemark.lease', (${until}::bigint << 1) + ${isAsleep ? 1 : 0})`,
      ),
    );
  }

  /** A round of pruning is not complete. */
  get isPruning(): boolean {
    return this.#pruning !== undefined;
  }

  /** The snapshot whose captured changes may have been deleted. */
  get prunedTo(): PgSnapshot | undefined {
    return this.#prunedTo;
  }

  /**
   * Deletes captured changes that every living reader had read a round ago; `latest` is the
   * snapshot in the log. Changes of the last round stay, because a write that expects its row
   * unchanged searches them. Deletes at most `rowsMax`, since reads wait for it: the next call
   * continues while `isPruning`.
   */
  async prune(session: SqlSession, latest: PgSnapshot, rowsMax: number): Promise<void> {
    if (this.#pruning === undefined) {
      this.#pruning = this.#mayPrune;
      this.#mayPrune = latest;
    }
    const snapshot = this.#pruning;
    if (snapshot === undefined) return;
    this.#prunedTo = snapshot;
    const [row] = await session.query(
      `WITH gone AS (DELETE FROM tidemark.outbox WHERE ctid = ANY (ARRAY(
         SELECT o.ctid FROM tidemark.outbox o
          WHERE xid < $1::xid8 AND pg_visible_in_snapshot(xid, $2::pg_snapshot)
            AND NOT EXISTS (SELECT 1 FROM tidemark.reader r WHERE r.id <> $3 AND r.lease_until >= clock_timestamp()
                               AND (r.snapshot IS NULL OR NOT pg_visible_in_snapshot(o.xid, r.snapshot)))
          LIMIT $4)) RETURNING 1)
       SELECT count(*)::int AS rows FROM gone`,
      [snapshot.xmax, snapshot.text, this.#options.readerId, rowsMax],
    );
    if (Number(row?.["rows"]) < rowsMax) this.#pruning = undefined;
  }

  /**
   * Deletes the records of old mutations, and of refusals over a bound. A mutation that is sent
   * again after that runs again.
   */
  async forgetMutations(
    session: SqlSession,
    { mutationWindowMs, refusalsMax }: Pick<PostgresLimits, "mutationWindowMs" | "refusalsMax">,
  ): Promise<void> {
    await session.query(
      "DELETE FROM tidemark.mutation WHERE at < clock_timestamp() - make_interval(secs => $1)",
      [mutationWindowMs / 1_000],
    );
    await session.query(
      "DELETE FROM tidemark.mutation WHERE error IS NOT NULL AND at < (SELECT at FROM tidemark.mutation WHERE error IS NOT NULL ORDER BY at DESC OFFSET $1 LIMIT 1)",
      [refusalsMax],
    );
  }

  /** Ends the lease. Without other readers, triggers stop writing at once. */
  async end(session: SqlSession): Promise<void> {
    await session.query("DELETE FROM tidemark.reader WHERE id = $1", [this.#options.readerId]);
    await session.query("DELETE FROM tidemark.alive WHERE id = $1", [this.#options.readerId]);
    await session.query(
      "SELECT setval('tidemark.lease', 0) WHERE NOT EXISTS (SELECT 1 FROM tidemark.reader WHERE lease_until >= clock_timestamp())",
    );
  }

  async #committing(run: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.monotonic();
    await run();
    this.#commitsMs = [this.#commitsMs[1], clock.monotonic() - beganMs];
  }

  async #set(session: SqlQueries): Promise<void> {
    const [row] = await session.query(
      `SELECT (setval('tidemark.lease',
                greatest((SELECT last_value FROM tidemark.lease) >> 1, ceil(extract(epoch FROM clock_timestamp()))::bigint + $1) << 1 | $2) >> 1)::text AS until`,
      [this.#options.leaseSeconds, this.#isAsleep ? 1 : 0],
    );
    this.#untilSeconds = Number(asText(row?.["until"]));
  }
}
