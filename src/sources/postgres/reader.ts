/**
 * Reads one connection's worth: copies the tables as of a snapshot, then again and again asks what
 * became visible since, and appends it as one commit. Where that can't be known (a restart, an
 * ended lease, a TRUNCATE, a huge transaction, a table that was taken apart) it copies instead; equal
 * rows change nothing. A table that fails its read is held back, and the others go on.
 *
 * A commit holds everything that became visible between two reads, rows as of the later one. A
 * transaction is never split, and the last writer of a row wins by construction.
 */
import { assert } from "../../std/assert.ts";
import { messageOf } from "../../std/errors.ts";
import type { ChannelBounds } from "../../log/channel.ts";
import type { ChannelChange } from "../../log/log.ts";
import type { SourceContext } from "../source.ts";
import { copyTable } from "./copy.ts";
import { HeldTables } from "./held-tables.ts";
import { install, isOfStatement, release, type FailedTable } from "./install.ts";
import type { Lease } from "./lease.ts";
import type { PostgresLimits } from "./limits.ts";
import { hasEnded, inProgressArray, parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { prepareSession } from "./session-settings.ts";
import { asText, type SqlQueries, type SqlRow, type SqlSession } from "./sql.ts";
import { lockStatement, stampsStatement, stampStatement } from "./stamps.ts";
import { headerStatement, parseRead, readParameters, readStatement, SHARED, type Read, type ReadHeader } from "./statements.ts";
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
  /** Called as copying begins and ends: it takes what it takes. */
  readonly onCopying: (isCopying: boolean) => void;
}

/** What is known across connections. */
interface Standing {
  readonly position: PgSnapshot;
  readonly startedAt: string;
  /** Transactions that may have written before the lease began, and the tables. When one ends, these are copied. */
  readonly uncaptured: ReadonlyMap<string, ReadonlySet<number>>;
  /** What the rows in the log stand on: of all tables, and by table. */
  readonly stamp: string;
  readonly stamps: ReadonlyMap<number, string>;
}

/** With nothing else to append, that everything has been read is said this often. */
const AS_OF_STEP_MS = 1_000;
/** Lock timeouts, deadlocks and serialization failures: gone with the next read. */
const PASSING = ["55P03", "40P01", "40001"];

export class Reader {
  readonly #options: ReaderOptions;
  readonly #totals = new TableTotals();
  readonly #held: HeldTables;
  /** The tables that are read. */
  #tables: ReadonlyMap<number, Table>;
  #standing: Standing | undefined;
  /** The statement that reads, and its number: another set of tables has another. */
  #statement = "";
  #generation = 0;
  /** Where the last commit left the tables: the standing moves on with reads that find nothing. */
  #appended: PgSnapshot | undefined;
  /** Up to when everything is in the log. */
  #asOfMs = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#held = new HeldTables(options.limits.retryTableMsMax);
    this.#tables = new Map(options.tables.map((table) => [table.oid, table]));
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
    return [...this.#tables.values()].map(({ channel }) => channel);
  }

  /** The table behind a channel, while it is read. */
  table(channel: string): Table | undefined {
    return [...this.#tables.values()].find((table) => table.channel === channel);
  }

  /** Makes a fresh connection ready, and copies unless reading can continue where it stood. */
  async prepare(session: SqlSession): Promise<void> {
    const { lease, limits } = this.#options;
    await prepareSession(session, limits);
    if (this.#standing === undefined) for (const { table, reason } of this.#options.failed) await this.#hold(table, reason);
    await this.#examine(session);
    await this.#prepareRead(session);
    const standing = this.#standing;
    const header = await this.#header(session);
    const isSameServer = standing !== undefined && standing.startedAt === header.startedAt && header.isAlive;
    const continues = isSameServer && (await lease.renew(session, standing.position));
    if (!continues) await this.copyAll(session);
    else await this.#orHoldCulprits(session, () => this.#reload(session, standing, []));
  }

  /** Begins a lease, and copies every table as of one snapshot, in one commit. */
  async copyAll(session: SqlSession): Promise<void> {
    const { lease, context, limits } = this.#options;
    const { clock } = context;
    await lease.begin(session);
    const writers = await writersBefore({ session, tables: [...this.#tables.values()], clock, settleMsMax: limits.settleMsMax });
    const asOfMs = clock.now();
    await this.#copying(session, async (queries) => {
      await this.#lock(queries);
      const header = await this.#header(queries);
      const position = parseSnapshot(header.snapshot);
      const changes = await this.#copy(queries, [...this.#tables.values()]);
      const { stamp, stamps } = await this.#stamps(queries);
      await this.#append({ changes, position, asOfMs });
      this.#standing = { position, stamp, stamps, startedAt: header.startedAt, uncaptured: openIn(position, writers) };
    });
    context.logger.info({ tables: this.#tables.size, position: this.#standing?.position.text }, "tables copied");
  }

  /**
   * Reads and appends what became visible since the position. Returns how many keys changed, a mark counted as one.
   * @throws what the connection throws; nothing is skipped, the position moves with the append
   */
  async read(session: SqlSession): Promise<number> {
    let changes = 0;
    await this.#orHoldCulprits(session, async () => {
      const due = this.#held.takeDue(this.#options.context.clock.monotonic());
      if (due.length > 0) await this.#tryAgain(session, due);
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
    assert(standing !== undefined, "a copy comes before reads");
    const { context, lease, limits } = this.#options;
    const beganMs = context.clock.now();
    const { header, changes, isMarked } = await this.#query(session, session, standing.position);
    const position = parseSnapshot(header.snapshot);
    const hasLapsed = header.nowSeconds >= lease.untilSeconds || !header.isAlive;
    if (hasLapsed || header.startedAt !== standing.startedAt) {
      await this.copyAll(session);
    } else if (header.stamp !== null && header.stamp !== standing.stamp) {
      // Triggers first, so that what is copied then is followed by all that is captured.
      await this.#examine(session);
      await this.#prepareRead(session);
      await this.#reload(session, standing, []);
    } else if (hasEnded(new Set(standing.uncaptured.keys()), position) || changes.length > limits.commitRowsMax || changes.some(({ key }) => key === undefined)) {
      await this.#reload(session, standing, []);
    } else {
      const isFresher = Math.abs(beganMs - this.#asOfMs) >= AS_OF_STEP_MS;
      if (changes.length > 0 || isMarked || isFresher) await this.#append({ changes: this.#totals.changesOf(changes), position, asOfMs: beganMs });
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
      const before = await this.#stamps(queries);
      const uncaptured = openIn(position, standing.uncaptured);
      const late = new Set([...standing.uncaptured].flatMap(([xid, oids]) => (uncaptured.has(xid) ? [] : [...oids])));
      const isCut = changes.length > limits.commitRowsMax;
      const touched = isCut ? await this.#touchedTables(queries, standing.position) : [];
      const altered = [...this.#tables.values()].filter(({ oid }) => late.has(oid) || before.stamps.get(oid) !== standing.stamps.get(oid));
      const reload = new Set([...others, ...touched, ...altered, ...changes.flatMap(({ table, key }) => (key === undefined ? [table] : []))]);
      const rest = this.#totals.changesOf(changes.filter(({ table }) => !reload.has(table)));
      const copies = await this.#copy(queries, [...reload].filter(({ oid }) => this.#tables.has(oid)));
      // Without those that could not be copied.
      const { stamp, stamps } = await this.#stamps(queries);
      await this.#append({ changes: [...rest, ...copies], position, asOfMs });
      this.#standing = { ...standing, position, stamp, stamps, uncaptured };
      if (reload.size > 0) context.logger.info({ tables: [...reload].map(({ channel }) => channel), cut: isCut }, "tables reloaded");
    });
  }

  async #copying(session: SqlSession, run: (queries: SqlQueries) => Promise<void>): Promise<void> {
    const before = this.#tables.size;
    this.#options.onCopying(true);
    try {
      await session.transaction("snapshot", run);
    } finally {
      this.#options.onCopying(false);
    }
    if (this.#tables.size !== before) await this.#prepareRead(session);
  }

  /** Waits for no table that somebody else holds locked: that one is held back. Returns whether there was one. */
  async #lock(queries: SqlQueries): Promise<boolean> {
    const { size } = this.#tables;
    for (const table of this.#tables.values()) await this.#orHold(queries, table, () => queries.query(lockStatement([table])));
    return this.#tables.size < size;
  }

  async #copy(queries: SqlQueries, tables: readonly Table[]): Promise<readonly ChannelChange[]> {
    const { bounds, context, lease, limits } = this.#options;
    let extendedMs = context.clock.monotonic();
    const keepLease = async (): Promise<void> => {
      if (context.clock.monotonic() - extendedMs < limits.renewMs) return;
      extendedMs = context.clock.monotonic();
      await lease.extend(queries);
    };
    // Here whole tables are read, which is what these plans are for.
    if (tables.length > 0) for (const plan of ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]) await queries.query(`SET LOCAL ${plan} = on`);
    const changes: ChannelChange[] = [];
    for (const table of tables) {
      const channelBounds = bounds.get(table.channel);
      assert(channelBounds !== undefined, `${table.channel} has bounds`);
      await this.#orHold(queries, table, async () => {
        const { change, total } = await copyTable(queries, table, channelBounds, limits, keepLease);
        this.#totals.set(table, total);
        changes.push(change);
        this.#held.settled(table);
      });
    }
    return changes;
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
    this.#held.hold(table, reason, context.clock.monotonic());
    await this.#leaveOut(table, reason);
  }

  async #leaveOut(table: Table, reason: string): Promise<void> {
    const { context } = this.#options;
    this.#tables = new Map([...this.#tables].filter(([oid]) => oid !== table.oid));
    context.logger.warn({ table: table.channel, reason }, "table left out");
    await context.append({ changes: [], status: [{ channels: [table.channel], status: { status: "stale", reason } }] });
  }

  /** After a read that failed as a whole: which tables fail by themselves. */
  async #holdCulprits(session: SqlSession): Promise<boolean> {
    const { position } = this.#standing ?? {};
    if (position === undefined) return false;
    let isFound = false;
    for (const table of this.#tables.values()) {
      try {
        await session.query(readStatement([table], this.#readOptions()), readParameters(position));
      } catch (error) {
        if (!isOfStatement(error)) throw error;
        isFound = true;
        await this.#hold(table, `it can't be read: ${messageOf(error)}`);
      }
    }
    if (isFound) await this.#prepareRead(session);
    return isFound;
  }

  /** Tables that were held back, and may be as they were before. */
  async #tryAgain(session: SqlSession, due: readonly Table[]): Promise<void> {
    this.#tables = new Map([...this.#tables, ...due.map((table) => [table.oid, table] as const)]);
    await this.#examine(session);
    await this.#prepareRead(session);
    const back = due.filter(({ oid }) => this.#tables.has(oid));
    const standing = this.#standing;
    if (back.length === 0 || standing === undefined) return;
    await this.#reload(session, standing, back);
    const channels = back.flatMap(({ oid, channel }) => (this.#tables.has(oid) ? [channel] : []));
    if (channels.length > 0) await this.#options.context.append({ changes: [], status: [{ channels, status: { status: "live" } }] });
  }

  /**
   * Looks at the tables again, and at their triggers. One that is gone, or has another key or other columns, is let
   * go: its channel is stale for good and says so, its writers are freed of our triggers.
   */
  async #examine(session: SqlSession): Promise<void> {
    const { context, limits, trustedOwners } = this.#options;
    const { tables, refused } = await findTables(session, { trustedOwners });
    for (const table of this.#tables.values()) {
      const now = tables.find(({ oid }) => oid === table.oid);
      if (now !== undefined && shapeOf(now) === shapeOf(table)) continue;
      const why = refused.find((entry) => entry.table === table.channel)?.reason;
      const reason = now !== undefined ? "its table was altered; restart Tidemark to read its new shape" : `its table is gone or can't be read any more${why === undefined ? "" : `: ${why}`}`;
      this.#held.letGo(table, reason);
      await this.#leaveOut(table, reason);
      await release(session, table.oid).catch((error: unknown) => context.logger.warn({ table: table.channel, err: error }, "triggers could not be released"));
    }
    const { failed } = await install(session, [...this.#tables.values()], limits.readLockMs);
    for (const { table, reason } of failed) await this.#hold(table, reason);
  }

  /** The statement that reads, anew when the tables are. */
  async #prepareRead(session: SqlSession, queries: SqlQueries = session): Promise<void> {
    this.#statement = readStatement([...this.#tables.values()], this.#readOptions());
    this.#generation++;
    if (session.prepared !== undefined) return;
    if ((await queries.query(SHARED.find)).length > 0) await queries.query(SHARED.deallocate);
    await queries.query(SHARED.prepare(this.#statement));
  }

  async #query(session: SqlSession, queries: SqlQueries, position: PgSnapshot): Promise<Read> {
    const rows: readonly SqlRow[] = await (session.prepared?.(`tidemark_read_${this.#generation}`, this.#statement, readParameters(position)) ?? queries.query(SHARED.execute(position)));
    return parseRead(rows, this.#tables, this.#options.limits.rowDepthMax);
  }

  #readOptions(): Parameters<typeof readStatement>[1] {
    const { lease, limits } = this.#options;
    return { keysMax: limits.commitRowsMax + 2, readerId: lease.readerId, rowBytesMax: limits.rowBytesMax };
  }

  async #append({ changes, position, asOfMs }: { readonly changes: readonly ChannelChange[]; readonly position: PgSnapshot; readonly asOfMs: number }): Promise<void> {
    await this.#options.context.append({ changes, position: position.text, asOfMs });
    this.#appended = position;
    this.#asOfMs = asOfMs;
  }

  /** With more changes than one commit takes, every table among them is copied. */
  async #touchedTables(queries: SqlQueries, position: PgSnapshot): Promise<readonly Table[]> {
    const rows = await queries.query(
      "SELECT DISTINCT tab::text AS tab FROM tidemark.outbox WHERE xid >= $1::xid8 OR xid = ANY ($2::xid8[])",
      [position.xmax, inProgressArray(position)],
    );
    return rows.flatMap(({ tab }) => this.#tables.get(Number(asText(tab))) ?? []);
  }

  async #header(queries: SqlQueries): Promise<ReadHeader> {
    const [row] = await queries.query(headerStatement(this.#options.lease.readerId));
    return JSON.parse(asText(row?.["header"])) as ReadHeader;
  }

  async #stamps(queries: SqlQueries): Promise<Pick<Standing, "stamp" | "stamps">> {
    const tables = [...this.#tables.values()];
    const [all] = await queries.query(stampStatement(tables));
    const each = await queries.query(stampsStatement(tables));
    return { stamp: asText(all?.["stamp"]), stamps: new Map(each.map(({ oid, stamp }) => [Number(oid), asText(stamp)])) };
  }
}

/** What a channel was declared with. */
function shapeOf({ schema, name, columns, key }: Table): string {
  return JSON.stringify([schema, name, columns, key]);
}
