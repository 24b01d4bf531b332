/**
 * Copies the tables as of a snapshot, then repeatedly reads the changes that have become visible
 * since, and appends them as one commit. Where these are not known (a restart, an ended lease, a
 * TRUNCATE, a huge transaction, a detached partition) it copies instead; equal rows change
 * nothing. A table that fails is suspended, and the others are read.
 *
 * A commit holds everything that became visible between two reads, rows as of the later one. A
 * transaction is never split, and the last writer of a row wins by construction.
 */
import { assert } from "../../std/assert.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { ChannelBounds } from "../../log/limits.ts";
import type { ChannelChange } from "../../log/log.ts";
import type { SourceContext } from "../source.ts";
import { alteredTables } from "./altered-tables.ts";
import { copyTable } from "./copy.ts";
import type { Declarations } from "./declarations.ts";
import { install, isOfStatement, type FailedTable } from "./install.ts";
import type { Lease } from "./lease.ts";
import type { PostgresLimits } from "./limits.ts";
import { hasEnded, parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { PreparedRead } from "./prepared-read.ts";
import { readHeader, readStamps, writtenSince, type ReadState } from "./read-state.ts";
import { ServedTables } from "./served-tables.ts";
import { prepareSession } from "./session-settings.ts";
import type { SqlQueries, SqlSession } from "./sql.ts";
import { lockStatement } from "./stamps.ts";
import { readParameters, readStatement, type Read } from "./statements.ts";
import { TableTotals } from "./table-totals.ts";
import type { Table } from "./tables.ts";
import { openIn, writersBefore } from "./writers-before.ts";

export interface ReaderOptions {
  readonly tables: readonly Table[];
  readonly declarations: Declarations;
  readonly bounds: ReadonlyMap<string, ChannelBounds>;
  readonly limits: PostgresLimits;
  readonly lease: Lease;
  readonly context: SourceContext;
  readonly trustedOwners: readonly string[];
  /** Tables whose triggers could not be installed. */
  readonly failed: readonly FailedTable[];
  /** Called when work that may take long begins and ends. */
  readonly onLongWork: (isBusy: boolean) => void;
}

interface Copies {
  readonly changes: readonly ChannelChange[];
  /** Channels that are live again with these changes. */
  readonly live: readonly string[];
}

/** Lock timeouts, deadlocks and serialization failures: the next read may succeed. */
const PASSING = ["55P03", "40P01", "40001"];

export class Reader {
  readonly #options: ReaderOptions;
  readonly #totals = new TableTotals();
  readonly #tables: ServedTables;
  readonly #statement: PreparedRead;
  /** Undefined before the first copy, and from a gap in the outbox until the next copy. */
  #state: ReadState | undefined;
  #hasBegun = false;
  /** The snapshot of the last commit. The state's moves on with reads that find nothing. */
  #appended: PgSnapshot | undefined;
  #asOfMs = 0;

  constructor(options: ReaderOptions) {
    const { tables, context, limits, lease } = options;
    this.#options = options;
    this.#tables = new ServedTables(tables, context, limits);
    this.#statement = new PreparedRead(lease.readerId, limits);
  }

  /** The snapshot up to which everything has been read. */
  get snapshot(): PgSnapshot | undefined {
    return this.#state?.snapshot;
  }

  /** The snapshot up to which everything is in the log. */
  get appended(): PgSnapshot | undefined {
    return this.#appended;
  }

  /** The channels of tables that are read. The others have a status with the reason. */
  get channels(): readonly string[] {
    return this.#tables.read.map(({ channel }) => channel);
  }

  /**
   * The table behind a channel; undefined for a channel without one.
   * @throws TidemarkError `SOURCE_DOWN` while it is suspended, since its rows in the log may be old
   */
  table(channel: string): Table | undefined {
    const table = this.#tables.all.find((each) => each.channel === channel);
    if (table === undefined || this.#tables.isRead(table.oid)) return table;
    throw new TidemarkError(
      "SOURCE_DOWN",
      `The table of channel "${channel}" can't be read at the moment.`,
    );
  }

  /** Makes a fresh connection ready, and copies unless reading can continue. */
  async prepare(session: SqlSession): Promise<void> {
    const { lease, limits, failed } = this.#options;
    this.#statement.reset();
    await prepareSession(session, limits);
    if (!this.#hasBegun)
      for (const { table, reason } of failed) await this.#tables.suspend(table, reason);
    this.#hasBegun = true;
    await this.#examine(session, this.#tables.read);
    await this.#prepareRead(session);
    const state = this.#state;
    const header = await readHeader(session, lease.readerId);
    const isSameServer =
      state !== undefined && state.startedAt === header.startedAt && header.isAlive;
    if (!isSameServer || !(await lease.renew(session, state.snapshot))) await this.copyAll(session);
    else await this.#orSuspendCauses(session, () => this.#reload(session, state, []));
  }

  /** Begins a lease, and copies every table as of one snapshot, in one commit. */
  async copyAll(session: SqlSession): Promise<void> {
    const { lease, context, limits } = this.#options;
    const { clock } = context;
    // Writes without a living lease are in no outbox, so reading does not continue until a copy has
    // succeeded.
    this.#state = undefined;
    await lease.begin(session);
    const writers = await writersBefore({ session, tables: this.#tables.all, clock, limits });
    const asOfMs = clock.now();
    await this.#copying(session, async (queries) => {
      await this.#tables.lock(queries);
      const header = await readHeader(queries, lease.readerId);
      const snapshot = parseSnapshot(header.snapshot);
      const copies = await this.#copy(queries, this.#tables.read);
      const stamps = await readStamps(queries, this.#tables.read);
      await this.#append({ ...copies, snapshot, asOfMs });
      this.#state = {
        snapshot,
        ...stamps,
        startedAt: header.startedAt,
        uncaptured: openIn(snapshot, writers),
      };
    });
    context.logger.info(
      { tables: this.#tables.read.length, snapshot: this.snapshot?.text },
      "tables copied",
    );
  }

  /**
   * Reads and appends the changes that have become visible. Returns how many keys changed, plus
   * one if a client waits for one of the transactions.
   * @throws the connection's errors; nothing is skipped, since the state moves with the append
   */
  async read(session: SqlSession): Promise<number> {
    let changes = 0;
    await this.#orSuspendCauses(session, async () => {
      const { due } = this.#tables;
      if (due !== undefined) await this.#tryAgain(session, due);
      changes = await this.#readOnce(session);
    });
    return changes;
  }

  /** Suspends a table that makes the work fail. The next read does the work without it. */
  async #orSuspendCauses(session: SqlSession, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      const isFound = await this.#suspendCauses(session);
      if (!isFound && !PASSING.includes(String((error as { code?: unknown }).code))) throw error;
    }
  }

  async #readOnce(session: SqlSession): Promise<number> {
    const state = this.#state;
    if (state === undefined) {
      await this.copyAll(session);
      return 0;
    }
    const { context, lease, limits } = this.#options;
    const beganMs = context.clock.now();
    const read = await this.#statement.run(session, session, state.snapshot);
    const { header, changes, isAwaited } = read;
    const snapshot = parseSnapshot(header.snapshot);
    const hasLapsed = header.nowSeconds >= lease.untilSeconds || !header.isAlive;
    const isAltered = header.stamp !== null && header.stamp !== state.stamp;
    if (hasLapsed || header.startedAt !== state.startedAt) {
      await this.copyAll(session);
    } else if (isAltered || this.#mustCopy(state, read)) {
      // Triggers first, so that the triggers capture everything after the copy.
      if (isAltered) await this.#examine(session, this.#tables.read);
      await this.#prepareRead(session);
      await this.#reload(session, state, []);
    } else {
      const isFresher = Math.abs(beganMs - this.#asOfMs) >= limits.asOfStepMs;
      if (changes.length > 0 || isAwaited || isFresher)
        await this.#append({
          changes: this.#totals.changesOf(changes),
          live: [],
          snapshot,
          asOfMs: beganMs,
        });
      this.#state = { ...state, snapshot };
    }
    return changes.length + (isAwaited ? 1 : 0);
  }

  /** Whether the captured changes are incomplete. */
  #mustCopy({ uncaptured }: ReadState, { header, changes }: Read): boolean {
    return (
      hasEnded(new Set(uncaptured.keys()), parseSnapshot(header.snapshot)) ||
      changes.length > this.#options.limits.commitRowsMax ||
      changes.some(({ key }) => key === undefined)
    );
  }

  /** Reads again in a transaction, so that all tables, copied or not, are as of one snapshot. */
  async #reload(session: SqlSession, state: ReadState, others: readonly Table[]): Promise<void> {
    const { context, limits } = this.#options;
    const asOfMs = context.clock.now();
    await this.#copying(session, async (queries) => {
      const before = this.#tables.read.length;
      await this.#tables.lock(queries);
      if (this.#tables.read.length < before) await this.#prepareRead(session, queries);
      const { header, changes } = await this.#statement.run(session, queries, state.snapshot);
      const snapshot = parseSnapshot(header.snapshot);
      const uncaptured = openIn(snapshot, state.uncaptured);
      const late = new Set(
        [...state.uncaptured].flatMap(([xid, oids]) => (uncaptured.has(xid) ? [] : [...oids])),
      );
      const isTruncated = changes.length > limits.commitRowsMax;
      const reload = new Set([
        ...others,
        ...(isTruncated ? await writtenSince(queries, this.#tables.read, state.snapshot) : []),
        ...(await this.#restamped(queries, state)),
        ...this.#tables.read.filter(({ oid }) => late.has(oid)),
        ...changes.flatMap(({ table, key }) => (key === undefined ? [table] : [])),
      ]);
      const rest = this.#totals.changesOf(changes.filter(({ table }) => !reload.has(table)));
      const copies = await this.#copy(
        queries,
        [...reload].filter(({ oid }) => this.#tables.isRead(oid)),
      );
      // Without the tables that could not be copied.
      const stamps = await readStamps(queries, this.#tables.read);
      const all = [...rest, ...copies.changes];
      await this.#append({ changes: all, live: copies.live, snapshot, asOfMs });
      this.#state = { ...state, snapshot, ...stamps, uncaptured };
      if (reload.size > 0)
        context.logger.info(
          { tables: [...reload].map(({ channel }) => channel), truncated: isTruncated },
          "tables reloaded",
        );
    });
  }

  /** Tables whose rows in the log were read under another stamp. */
  async #restamped(queries: SqlQueries, { stamps }: ReadState): Promise<readonly Table[]> {
    const now = await readStamps(queries, this.#tables.read);
    return this.#tables.read.filter(({ oid }) => now.stamps.get(oid) !== stamps.get(oid));
  }

  async #copying(session: SqlSession, run: (queries: SqlQueries) => Promise<void>): Promise<void> {
    const before = this.#tables.read.length;
    this.#options.onLongWork(true);
    try {
      await session.transaction("snapshot", run);
    } finally {
      this.#options.onLongWork(false);
    }
    if (this.#tables.read.length !== before) await this.#prepareRead(session);
  }

  async #copy(queries: SqlQueries, tables: readonly Table[]): Promise<Copies> {
    const { bounds, context, lease, limits } = this.#options;
    let extendedMs = context.clock.monotonic();
    const keepLease = async (): Promise<void> => {
      if (context.clock.monotonic() - extendedMs < limits.renewMs) return;
      extendedMs = context.clock.monotonic();
      await lease.extend(queries);
    };
    // The settings of the reader exclude these plans, which are the right ones for whole tables.
    if (tables.length > 0)
      for (const plan of ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"])
        await queries.query(`SET LOCAL ${plan} = on`);
    const changes: ChannelChange[] = [];
    const live: string[] = [];
    for (const table of tables) {
      const channelBounds = bounds.get(table.channel);
      assert(channelBounds !== undefined, `${table.channel} has bounds`);
      await this.#tables.orSuspend(queries, table, async () => {
        const { change, total } = await copyTable(queries, table, channelBounds, limits, keepLease);
        this.#totals.set(table, total);
        changes.push(change);
      });
      if (this.#tables.noteCopied(table)) live.push(table.channel);
    }
    return { changes, live };
  }

  /**
   * After a read that failed as a whole: suspends the tables that fail by themselves. Returns
   * whether there were any.
   */
  async #suspendCauses(session: SqlSession): Promise<boolean> {
    const since = this.#state?.snapshot;
    if (since === undefined) return false;
    let isFound = false;
    for (const table of this.#tables.read) {
      const why = await this.#whyNot(session, table, since);
      if (why === undefined) continue;
      isFound = true;
      await this.#tables.suspend(table, why);
    }
    if (isFound) await this.#prepareRead(session);
    return isFound;
  }

  /** Why a table can't be read, alone and without waiting for it. */
  async #whyNot(session: SqlSession, table: Table, since: PgSnapshot): Promise<string | undefined> {
    const altered = (await alteredTables(session, [table], this.#options)).get(table);
    if (altered !== undefined) return altered;
    try {
      await session.transaction("snapshot", async (queries) => {
        await queries.query(`${lockStatement([table])} NOWAIT`);
        const text = readStatement([table], this.#statement.options);
        await queries.query(text, readParameters(since));
      });
      return undefined;
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      return `it can't be read: ${messageOf(error)}`;
    }
  }

  /** Resumes a suspended table where it can be read again. */
  async #tryAgain(session: SqlSession, table: Table): Promise<void> {
    const state = this.#state;
    // Without a state, all tables are copied next; a suspended one is tried again after that.
    if (state === undefined) return;
    const why = await this.#whyNot(session, table, state.snapshot);
    if (why !== undefined) return this.#tables.suspend(table, why);
    this.#tables.resume(table);
    try {
      await this.#examine(session, [table]);
      if (!this.#tables.isRead(table.oid)) return;
      await this.#prepareRead(session);
      await this.#reload(session, state, [table]);
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      await this.#tables.suspend(table, `it can't be read: ${messageOf(error)}`);
      await this.#prepareRead(session);
    }
  }

  /**
   * Checks tables and their triggers again. A table that is gone, or has another key or other
   * columns than its channel was declared with, is suspended until it is restored, or the server
   * is restarted.
   */
  async #examine(session: SqlSession, tables: readonly Table[]): Promise<void> {
    for (const [table, reason] of await alteredTables(session, tables, this.#options))
      await this.#tables.suspend(table, reason);
    const { failed } = await install(
      session,
      tables.filter(({ oid }) => this.#tables.isRead(oid)),
      this.#options.limits.readLockMs,
    );
    for (const { table, reason } of failed) await this.#tables.suspend(table, reason);
  }

  #prepareRead(session: SqlSession, queries: SqlQueries = session): Promise<void> {
    return this.#statement.prepare(session, this.#tables.read, queries);
  }

  /** Appends rows together with the status of channels that are live again by them. */
  async #append({
    changes,
    live,
    snapshot,
    asOfMs,
  }: Copies & { readonly snapshot: PgSnapshot; readonly asOfMs: number }): Promise<void> {
    const status =
      live.length === 0
        ? {}
        : { status: [{ channels: live, status: { status: "live" as const } }] };
    await this.#options.context.append({
      changes,
      sourcePosition: snapshot.text,
      asOfMs,
      ...status,
    });
    this.#appended = snapshot;
    this.#asOfMs = asOfMs;
  }
}
