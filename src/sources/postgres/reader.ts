/**
 * Copies the tables as of a snapshot, then again and again asks what became visible since, and appends it as one
 * commit. Where that can't be known (a restart, an ended lease, a TRUNCATE, a huge transaction, a table that was
 * taken apart) it copies instead; equal rows change nothing. A table that fails is held back, and the others go on.
 *
 * A commit holds everything that became visible between two reads, rows as of the later one. A
 * transaction is never split, and the last writer of a row wins by construction.
 */
import { createHash } from "node:crypto";
import { assert } from "../../std/assert.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { ChannelBounds } from "../../log/limits.ts";
import type { ChannelChange } from "../../log/log.ts";
import type { SourceContext } from "../source.ts";
import { copyTable } from "./copy.ts";
import { install, isOfStatement, type FailedTable } from "./install.ts";
import type { Lease } from "./lease.ts";
import type { PostgresLimits } from "./limits.ts";
import { hasEnded, parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { prepareSession } from "./session-settings.ts";
import type { SqlQueries, SqlRow, SqlSession } from "./sql.ts";
import { lockStatement } from "./stamps.ts";
import { readHeader, readStamps, writtenSince, type Standing } from "./standing.ts";
import { parseRead, readParameters, readStatement, SHARED, type Read } from "./statements.ts";
import { TableStates } from "./table-states.ts";
import { TableTotals } from "./table-totals.ts";
import { findTables, type Table } from "./tables.ts";
import { openIn, writersBefore } from "./writers-before.ts";

export interface ReaderOptions {
  readonly tables: readonly Table[];
  readonly bounds: ReadonlyMap<string, ChannelBounds>;
  readonly limits: PostgresLimits;
  readonly lease: Lease;
  readonly context: SourceContext;
  readonly trustedOwners: readonly string[];
  /** Tables whose triggers could not be installed. */
  readonly failed: readonly FailedTable[];
  /** As work begins and ends that takes what it takes. */
  readonly onLongWork: (isBusy: boolean) => void;
}

interface Copies {
  readonly changes: readonly ChannelChange[];
  /** Channels that are live again by them. */
  readonly live: readonly string[];
}

/** Statements that one connection keeps: one for each set of tables that were read together. */
const STATEMENTS_MAX = 64;
/** With nothing else to append, that everything has been read is said this often. */
const AS_OF_STEP_MS = 1_000;
/** Lock timeouts, deadlocks and serialization failures: gone with the next read. */
const PASSING = ["55P03", "40P01", "40001"];

export class Reader {
  readonly #options: ReaderOptions;
  readonly #totals = new TableTotals();
  readonly #states: TableStates;
  /** Undefined before the first copy, and from the moment at which what was captured has a hole until the next. */
  #standing: Standing | undefined;
  #hasBegun = false;
  /** The statement that reads, by the name under which a connection keeps it: another set of tables has another. */
  #statement: {
    readonly name: string;
    readonly text: string;
    readonly tables: ReadonlyMap<number, Table>;
  } = { name: "", text: "", tables: new Map() };
  /** That the present connection keeps. */
  readonly #names = new Set<string>();
  /** Where the last commit left the tables: the standing moves on with reads that find nothing. */
  #appended: PgSnapshot | undefined;
  #asOfMs = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#states = new TableStates(options.tables, options.limits.retryTableMsMax);
  }

  get position(): PgSnapshot | undefined {
    return this.#standing?.position;
  }

  /** Changes up to here are in the log. */
  get appended(): PgSnapshot | undefined {
    return this.#appended;
  }

  /** The channels that are read. Others have said why not. */
  get channels(): readonly string[] {
    return this.#states.read.map(({ channel }) => channel);
  }

  /**
   * The table behind a channel; undefined for a channel that is none.
   * @throws TidemarkError `SOURCE_DOWN` while it is held back: what its rows in the log are worth is not known
   */
  table(channel: string): Table | undefined {
    const table = this.#states.all.find((each) => each.channel === channel);
    if (table === undefined || this.#states.isRead(table.oid)) return table;
    throw new TidemarkError(
      "SOURCE_DOWN",
      `The table of channel "${channel}" can't be read at the moment.`,
    );
  }

  /** Makes a fresh connection ready, and copies unless reading can continue where it stood. */
  async prepare(session: SqlSession): Promise<void> {
    const { lease, limits, failed } = this.#options;
    this.#names.clear();
    await prepareSession(session, limits);
    if (!this.#hasBegun) for (const { table, reason } of failed) await this.#hold(table, reason);
    this.#hasBegun = true;
    await this.#examine(session, this.#states.read);
    await this.#prepareRead(session);
    const standing = this.#standing;
    const header = await readHeader(session, lease.readerId);
    const isSameServer =
      standing !== undefined && standing.startedAt === header.startedAt && header.isAlive;
    if (!isSameServer || !(await lease.renew(session, standing.position)))
      await this.copyAll(session);
    else await this.#orHoldCulprits(session, () => this.#reload(session, standing, []));
  }

  /** Begins a lease, and copies every table as of one snapshot, in one commit. */
  async copyAll(session: SqlSession): Promise<void> {
    const { lease, context, limits } = this.#options;
    const { clock } = context;
    // What was written while no lease lived is in no outbox: until a copy has come through nothing continues.
    this.#standing = undefined;
    await lease.begin(session);
    const writers = await writersBefore({
      session,
      tables: this.#states.all,
      clock,
      settleMsMax: limits.settleMsMax,
    });
    const asOfMs = clock.now();
    await this.#copying(session, async (queries) => {
      await this.#lock(queries);
      const header = await readHeader(queries, lease.readerId);
      const position = parseSnapshot(header.snapshot);
      const copies = await this.#copy(queries, this.#states.read);
      const stamps = await readStamps(queries, this.#states.read);
      await this.#append({ ...copies, position, asOfMs });
      this.#standing = {
        position,
        ...stamps,
        startedAt: header.startedAt,
        uncaptured: openIn(position, writers),
      };
    });
    context.logger.info(
      { tables: this.#states.read.length, position: this.position?.text },
      "tables copied",
    );
  }

  /**
   * Reads and appends what became visible since the position. Returns how many keys changed, a mark counted as one.
   * @throws what the connection throws; nothing is skipped, the position moves with the append
   */
  async read(session: SqlSession): Promise<number> {
    let changes = 0;
    await this.#orHoldCulprits(session, async () => {
      const due = this.#states.due(this.#options.context.clock.monotonic());
      if (due !== undefined) await this.#tryAgain(session, due);
      changes = await this.#readOnce(session);
    });
    return changes;
  }

  /** What fails because of a table is done again with the next read, without that table. */
  async #orHoldCulprits(session: SqlSession, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      const isFound = await this.#holdCulprits(session);
      if (!isFound && !PASSING.includes(String((error as { code?: unknown }).code))) throw error;
    }
  }

  async #readOnce(session: SqlSession): Promise<number> {
    const standing = this.#standing;
    if (standing === undefined) {
      await this.copyAll(session);
      return 0;
    }
    const { context, lease, limits } = this.#options;
    const beganMs = context.clock.now();
    const { header, changes, isMarked } = await this.#query(session, session, standing.position);
    const position = parseSnapshot(header.snapshot);
    const hasLapsed = header.nowSeconds >= lease.untilSeconds || !header.isAlive;
    const isAltered = header.stamp !== null && header.stamp !== standing.stamp;
    if (hasLapsed || header.startedAt !== standing.startedAt) {
      await this.copyAll(session);
    } else if (
      isAltered ||
      hasEnded(new Set(standing.uncaptured.keys()), position) ||
      changes.length > limits.commitRowsMax ||
      changes.some(({ key }) => key === undefined)
    ) {
      // Triggers first, so that what is copied then is followed by all that is captured.
      if (isAltered) await this.#examine(session, this.#states.read);
      await this.#prepareRead(session);
      await this.#reload(session, standing, []);
    } else {
      const isFresher = Math.abs(beganMs - this.#asOfMs) >= AS_OF_STEP_MS;
      if (changes.length > 0 || isMarked || isFresher)
        await this.#append({
          changes: this.#totals.changesOf(changes),
          live: [],
          position,
          asOfMs: beganMs,
        });
      this.#standing = { ...standing, position };
    }
    return changes.length + (isMarked ? 1 : 0);
  }

  /** Reads again in a transaction, so that tables that must be copied are as of the same moment as the rest. */
  async #reload(session: SqlSession, standing: Standing, others: readonly Table[]): Promise<void> {
    const { context, limits } = this.#options;
    const asOfMs = context.clock.now();
    await this.#copying(session, async (queries) => {
      if (await this.#lock(queries)) await this.#prepareRead(session, queries);
      const { header, changes } = await this.#query(session, queries, standing.position);
      const position = parseSnapshot(header.snapshot);
      const before = await readStamps(queries, this.#states.read);
      const uncaptured = openIn(position, standing.uncaptured);
      const late = new Set(
        [...standing.uncaptured].flatMap(([xid, oids]) => (uncaptured.has(xid) ? [] : [...oids])),
      );
      const isCut = changes.length > limits.commitRowsMax;
      const touched = isCut
        ? await writtenSince(queries, this.#states.read, standing.position)
        : [];
      const altered = this.#states.read.filter(
        ({ oid }) => late.has(oid) || before.stamps.get(oid) !== standing.stamps.get(oid),
      );
      const reload = new Set([
        ...others,
        ...touched,
        ...altered,
        ...changes.flatMap(({ table, key }) => (key === undefined ? [table] : [])),
      ]);
      const rest = this.#totals.changesOf(changes.filter(({ table }) => !reload.has(table)));
      const copies = await this.#copy(
        queries,
        [...reload].filter(({ oid }) => this.#states.isRead(oid)),
      );
      // Without those that could not be copied.
      const stamps = await readStamps(queries, this.#states.read);
      await this.#append({
        changes: [...rest, ...copies.changes],
        live: copies.live,
        position,
        asOfMs,
      });
      this.#standing = { ...standing, position, ...stamps, uncaptured };
      if (reload.size > 0)
        context.logger.info(
          { tables: [...reload].map(({ channel }) => channel), cut: isCut },
          "tables reloaded",
        );
    });
  }

  async #copying(session: SqlSession, run: (queries: SqlQueries) => Promise<void>): Promise<void> {
    const before = this.#states.read.length;
    this.#options.onLongWork(true);
    try {
      await session.transaction("snapshot", run);
    } finally {
      this.#options.onLongWork(false);
    }
    if (this.#states.read.length !== before) await this.#prepareRead(session);
  }

  /** Waits long for no table that somebody else holds locked: that one is held back. Returns whether there was one. */
  async #lock(queries: SqlQueries): Promise<boolean> {
    const tables = this.#states.read;
    if (tables.length === 0) return false;
    await queries.query("SAVEPOINT tidemark_lock");
    try {
      await queries.query(lockStatement(tables));
      await queries.query("RELEASE SAVEPOINT tidemark_lock");
      return false;
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      await queries.query("ROLLBACK TO SAVEPOINT tidemark_lock");
    }
    for (const table of tables)
      await this.#orHold(queries, table, () => queries.query(`${lockStatement([table])} NOWAIT`));
    return this.#states.read.length < tables.length;
  }

  /** Copies, and the channels that are live again by them. */
  async #copy(queries: SqlQueries, tables: readonly Table[]): Promise<Copies> {
    const { bounds, context, lease, limits } = this.#options;
    let extendedMs = context.clock.monotonic();
    const keepLease = async (): Promise<void> => {
      if (context.clock.monotonic() - extendedMs < limits.renewMs) return;
      extendedMs = context.clock.monotonic();
      await lease.extend(queries);
    };
    // Here whole tables are read, which is what these plans are for.
    if (tables.length > 0)
      for (const plan of ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"])
        await queries.query(`SET LOCAL ${plan} = on`);
    const changes: ChannelChange[] = [];
    const live: string[] = [];
    for (const table of tables) {
      const channelBounds = bounds.get(table.channel);
      assert(channelBounds !== undefined, `${table.channel} has bounds`);
      await this.#orHold(queries, table, async () => {
        const { change, total } = await copyTable(queries, table, channelBounds, limits, keepLease);
        this.#totals.set(table, total);
        changes.push(change);
      });
      if (this.#states.copied(table)) live.push(table.channel);
    }
    return { changes, live };
  }

  /** What fails with one table ends its reading, not the transaction. A connection that is gone fails at the savepoint as well. */
  async #orHold(queries: SqlQueries, table: Table, run: () => Promise<unknown>): Promise<void> {
    await queries.query("SAVEPOINT tidemark_table");
    try {
      await run();
      await queries.query("RELEASE SAVEPOINT tidemark_table");
    } catch (error) {
      await queries.query("ROLLBACK TO SAVEPOINT tidemark_table");
      await this.#hold(table, `it can't be read: ${messageOf(error)}`);
    }
  }

  async #hold(table: Table, reason: string): Promise<void> {
    const { context } = this.#options;
    this.#states.hold(table, context.clock.monotonic());
    context.logger.warn({ table: table.channel, reason }, "table held back");
    await context.append({
      changes: [],
      status: [{ channels: [table.channel], status: { status: "stale", reason } }],
    });
  }

  /** After a read that failed as a whole: which tables fail by themselves. */
  async #holdCulprits(session: SqlSession): Promise<boolean> {
    const position = this.#standing?.position;
    if (position === undefined) return false;
    let isFound = false;
    for (const table of this.#states.read) {
      const why = await this.#whyNot(session, table, position);
      if (why === undefined) continue;
      isFound = true;
      await this.#hold(table, why);
    }
    if (isFound) await this.#prepareRead(session);
    return isFound;
  }

  /** Why a table can't be read, alone and without waiting for it. */
  async #whyNot(
    session: SqlSession,
    table: Table,
    position: PgSnapshot,
  ): Promise<string | undefined> {
    const altered = (await this.#altered(session, [table])).get(table);
    if (altered !== undefined) return altered;
    try {
      await session.transaction("snapshot", async (queries) => {
        await queries.query(`${lockStatement([table])} NOWAIT`);
        await queries.query(readStatement([table], this.#readOptions()), readParameters(position));
      });
      return undefined;
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      return `it can't be read: ${messageOf(error)}`;
    }
  }

  /** A table that was held back, and may be as it was before. */
  async #tryAgain(session: SqlSession, table: Table): Promise<void> {
    const standing = this.#standing;
    // The next copy of all tables brings it back, if it can.
    if (standing === undefined) return;
    const why = await this.#whyNot(session, table, standing.position);
    if (why !== undefined) return this.#hold(table, why);
    this.#states.bringBack(table);
    try {
      await this.#examine(session, [table]);
      if (!this.#states.isRead(table.oid)) return;
      await this.#prepareRead(session);
      await this.#reload(session, standing, [table]);
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      await this.#hold(table, `it can't be read: ${messageOf(error)}`);
      await this.#prepareRead(session);
    }
  }

  /**
   * Looks at tables again, and at their triggers. One that is gone, or has another key or other columns than its
   * channel was declared with, is held back until it is as it was, or the server is restarted.
   */
  async #examine(session: SqlSession, tables: readonly Table[]): Promise<void> {
    const { limits } = this.#options;
    for (const [table, reason] of await this.#altered(session, tables))
      await this.#hold(table, reason);
    const { failed } = await install(
      session,
      tables.filter(({ oid }) => this.#states.isRead(oid)),
      limits.readLockMs,
    );
    for (const { table, reason } of failed) await this.#hold(table, reason);
  }

  /** Those that are not what their channels were declared with, and why. */
  async #altered(
    session: SqlSession,
    tables: readonly Table[],
  ): Promise<ReadonlyMap<Table, string>> {
    const { tables: found, refused } = await findTables(session, {
      trustedOwners: this.#options.trustedOwners,
      oids: tables.map(({ oid }) => oid),
    });
    const altered = new Map<Table, string>();
    for (const table of tables) {
      const now = found.find(({ oid }) => oid === table.oid);
      const why = refused.find((entry) => entry.table === table.channel)?.reason;
      if (now === undefined)
        altered.set(
          table,
          `its table is gone or can't be read any more${why === undefined ? "" : `: ${why}`}`,
        );
      else if (shapeOf(now) !== shapeOf(table))
        altered.set(table, "its table was altered; restart Tidemark to read its new shape");
    }
    return altered;
  }

  /** The statement that reads, anew when the tables are. */
  async #prepareRead(session: SqlSession, queries: SqlQueries = session): Promise<void> {
    const text = readStatement(this.#states.read, this.#readOptions());
    if (
      text === this.#statement.text &&
      (session.prepared !== undefined || this.#names.has(this.#statement.name))
    )
      return;
    // By its text, so that the same tables are the same statement, however often they come and go.
    const name = `tidemark_read_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    this.#statement = {
      name,
      text,
      tables: new Map(this.#states.read.map((table) => [table.oid, table])),
    };
    this.#names.add(name);
    if (this.#names.size > STATEMENTS_MAX)
      throw new TidemarkError(
        "SOURCE_DOWN",
        "the connection keeps too many statements; another begins with none",
      );
    if (session.prepared !== undefined) return;
    if ((await queries.query(SHARED.find)).length > 0) await queries.query(SHARED.deallocate);
    await queries.query(SHARED.prepare(text));
  }

  async #query(session: SqlSession, queries: SqlQueries, position: PgSnapshot): Promise<Read> {
    const { name, text, tables } = this.#statement;
    const rows: readonly SqlRow[] = await (session.prepared?.(
      name,
      text,
      readParameters(position),
    ) ?? queries.query(SHARED.execute(position)));
    return parseRead(rows, tables, this.#options.limits.rowDepthMax);
  }

  #readOptions(): Parameters<typeof readStatement>[1] {
    const { lease, limits } = this.#options;
    return {
      keysMax: limits.commitRowsMax + 2,
      readerId: lease.readerId,
      rowBytesMax: limits.rowBytesMax,
    };
  }

  /** That a channel is live again comes with its rows. */
  async #append({
    changes,
    live,
    position,
    asOfMs,
  }: Copies & { readonly position: PgSnapshot; readonly asOfMs: number }): Promise<void> {
    const status =
      live.length === 0
        ? {}
        : { status: [{ channels: live, status: { status: "live" as const } }] };
    await this.#options.context.append({
      changes,
      sourcePosition: position.text,
      asOfMs,
      ...status,
    });
    this.#appended = position;
    this.#asOfMs = asOfMs;
  }
}

/** What a channel was declared with. */
function shapeOf({ schema, name, columns, key }: Table): string {
  return JSON.stringify([schema, name, columns, key]);
}
