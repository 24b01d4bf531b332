/**
 * Reads one connection's worth: copies the tables as of a snapshot, then again and again asks what
 * became visible since, and appends it as one commit. Where that can't be known (a restart, an
 * ended lease, a TRUNCATE, a huge transaction) it copies instead; equal rows change nothing.
 *
 * A commit holds everything that became visible between two reads, rows as of the later one. A
 * transaction is never split, and the last writer of a row wins by construction.
 */
import type { ChannelBounds } from "../../log/channel.ts";
import type { ChannelChange, KeyedRow } from "../../log/log.ts";

import type { SourceContext } from "../source.ts";
import { copyTable } from "./copy.ts";
import { install, release } from "./install.ts";
import type { Lease } from "./lease.ts";
import type { PostgresLimits } from "./limits.ts";
import { asText, type SqlQueries, type SqlSession } from "./sql.ts";
import {
  DEALLOCATE_STATEMENT, FORMER_STATEMENT, headerStatement, parseRead, prepareStatement, readStatement, shapesStatement,
  type ReadChange, type ReadHeader,
} from "./statements.ts";
import { hasEnded, inProgressArray, inProgressInBoth, parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { findTables, type Table } from "./tables.ts";

export interface ReaderOptions {
  readonly tables: readonly Table[];
  readonly bounds: ReadonlyMap<string, ChannelBounds>;
  readonly limits: PostgresLimits;
  readonly lease: Lease;
  readonly context: SourceContext;
  /** Rejects when a read takes too long. Copies take what they take. */
  readonly withDeadline: <T>(reading: Promise<T>) => Promise<T>;
}

/** What is known across connections. */
interface Standing {
  readonly position: PgSnapshot;
  readonly startedAt: string;
  /** Transactions that may have written before the lease began. When one ends, everything is copied. */
  readonly uncaptured: ReadonlySet<string>;
}

/** Values must read the same whatever the role's or the database's own settings are. */
const FORMAT_SETTINGS = [
  "SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET IntervalStyle = 'postgres'",
  "SET bytea_output = 'hex'", "SET extra_float_digits = 1",
];

/** With nothing else to append, that everything has been read is said this often. */
const AS_OF_STEP_MS = 1_000;

/** Reads touch few rows, by index; the planner has no statistics of an outbox to know that. */
const READER_SETTINGS = [
  "SET default_transaction_read_only = off", "SET default_transaction_isolation = 'read committed'",
  // A table that someone holds locked makes us say so, not wait in silence.
  "SET lock_timeout = '2s'", "SET jit = off", "SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
  "SET enable_seqscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off",
  "SET plan_cache_mode = force_generic_plan",
];

export class Reader {
  readonly #options: ReaderOptions;
  readonly #totals = new Map<number, number>();
  /** The tables that are still what they were at start, and their shapes at the last copy. */
  #tables: ReadonlyMap<number, Table>;
  #shapes: ReadonlyMap<string, string> = new Map();
  #standing: Standing | undefined;
  /** Where the last commit left the tables: the standing moves on with reads that find nothing. */
  #appended: PgSnapshot | undefined;
  /** Up to when everything is in the log. */
  #asOfMs = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#tables = new Map(options.tables.map((table) => [table.oid, table]));
  }

  get position(): PgSnapshot | undefined {
    return this.#standing?.position;
  }

  /** Changes up to here are in the log. */
  get appended(): PgSnapshot | undefined {
    return this.#appended;
  }

  /** The channels that are read: those whose tables are still what they were at start. */
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
    for (const setting of [...FORMAT_SETTINGS, ...(session.isShared ? [] : READER_SETTINGS)]) await session.query(setting);
    if (!session.isShared) await session.query("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'");
    // Before triggers are mended: what they missed until now has to be copied.
    const isUnchanged = !(await this.haveShapesChanged(session));
    await this.#reexamine(session);
    if ((await session.query(FORMER_STATEMENT)).length > 0) await session.query(DEALLOCATE_STATEMENT);
    await session.query(prepareStatement([...this.#tables.values()], limits.commitRowsMax + 2, lease.readerId));
    const standing = this.#standing;
    const header = await this.#header(session);
    const isSameServer = standing !== undefined && standing.startedAt === header.startedAt && header.isAlive;
    const continues = isSameServer && isUnchanged && (await lease.renew(session, standing.position));
    if (!continues) await this.copyAll(session);
  }

  /** Copies every table as of one snapshot, in one commit. */
  async copyAll(session: SqlSession): Promise<void> {
    const { lease, context } = this.#options;
    const tables = [...this.#tables.values()];
    await lease.begin(session);
    const before = parseSnapshot((await this.#header(session)).snapshot);
    const asOfMs = context.clock.now();
    await session.transaction("snapshot", async (queries) => {
      const header = await this.#header(queries);
      const position = parseSnapshot(header.snapshot);
      const changes = await this.#copy(queries, tables);
      const shapes = await this.#readShapes(queries);
      await this.#append({ changes, position, asOfMs });
      this.#shapes = shapes;
      this.#standing = { position, startedAt: header.startedAt, uncaptured: inProgressInBoth(before, position) };
    });
    context.logger.info({ tables: tables.length, position: this.#standing?.position.text }, "tables copied");
  }

  /**
   * Whether a table was altered, truncated past its triggers, dropped, or lost its triggers since the
   * last copy: then what was captured may not be all, and the connection has to be prepared anew.
   */
  async haveShapesChanged(session: SqlSession): Promise<boolean> {
    const shapes = await this.#readShapes(session);
    return shapes.size !== this.#shapes.size || [...shapes].some(([oid, shape]) => this.#shapes.get(oid) !== shape);
  }

  /**
   * Reads and appends what became visible since the position. Returns how many keys changed, a mark counted as one.
   * @throws what the connection throws; nothing is skipped, the position moves with the append
   */
  async read(session: SqlSession): Promise<number> {
    const standing = this.#standing;
    if (standing === undefined) throw new Error("Invariant broken: read before copy");
    const { context, lease, limits, withDeadline } = this.#options;
    const beganMs = context.clock.now();
    const rows = await withDeadline(session.query(readStatement(standing.position)));
    const { header, changes, isMarked } = parseRead(rows, this.#tables);
    const position = parseSnapshot(header.snapshot);
    const hasLapsed = header.nowSeconds >= lease.untilSeconds || !header.isAlive;
    if (hasLapsed || header.startedAt !== standing.startedAt || hasEnded(standing.uncaptured, position)) {
      await this.copyAll(session);
    } else if (changes.length > limits.commitRowsMax || changes.some(({ key }) => key === undefined)) {
      await this.#readWithReloads(session, standing);
    } else {
      const isFresher = Math.abs(beganMs - this.#asOfMs) >= AS_OF_STEP_MS;
      if (changes.length > 0 || isMarked || isFresher) await this.#append({ changes: this.#changesOf(changes), position, asOfMs: beganMs });
      this.#standing = { ...standing, position };
    }
    return changes.length + (isMarked ? 1 : 0);
  }

  /** Reads again in a transaction, so that tables that must be copied are as of the same moment as the rest. */
  async #readWithReloads(session: SqlSession, standing: Standing): Promise<void> {
    const { context, limits } = this.#options;
    const asOfMs = context.clock.now();
    await session.transaction("snapshot", async (queries) => {
      const { header, changes } = parseRead(await queries.query(readStatement(standing.position)), this.#tables);
      const isCut = changes.length > limits.commitRowsMax;
      const touched = isCut ? await this.#touchedTables(queries, standing.position) : [];
      const reload = new Set([...touched, ...changes.flatMap(({ table, key }) => (key === undefined ? [table] : []))]);
      const rest = this.#changesOf(changes.filter(({ table }) => !reload.has(table)));
      const position = parseSnapshot(header.snapshot);
      const copies = await this.#copy(queries, [...reload]);
      await this.#append({ changes: [...rest, ...copies], position, asOfMs });
      this.#standing = { ...standing, position };
      context.logger.info({ tables: [...reload].map(({ channel }) => channel), cut: isCut }, "tables reloaded");
    });
  }

  async #append({ changes, position, asOfMs }: { readonly changes: readonly ChannelChange[]; readonly position: PgSnapshot; readonly asOfMs: number }): Promise<void> {
    await this.#options.context.append({ changes, position: position.text, asOfMs });
    this.#appended = position;
    this.#asOfMs = asOfMs;
  }

  /** With more changes than one commit takes, every table among them is copied. */
  async #touchedTables(session: SqlQueries, position: PgSnapshot): Promise<readonly Table[]> {
    const rows = await session.query(
      "SELECT DISTINCT tab::text AS tab FROM tidemark.outbox WHERE xid >= $1::xid8 OR xid = ANY ($2::xid8[])",
      [position.xmax, inProgressArray(position)],
    );
    return rows.flatMap(({ tab }) => this.#tables.get(Number(asText(tab))) ?? []);
  }

  async #copy(session: SqlQueries, tables: readonly Table[]): Promise<readonly ChannelChange[]> {
    const { bounds, context, lease, limits } = this.#options;
    let extendedMs = context.clock.monotonic();
    const keepLease = async (): Promise<void> => {
      if (context.clock.monotonic() - extendedMs < limits.renewMs) return;
      extendedMs = context.clock.monotonic();
      await lease.extend(session);
    };
    // Here whole tables are read, which is what these plans are for.
    for (const plan of ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]) await session.query(`SET LOCAL ${plan} = on`);
    const changes: ChannelChange[] = [];
    for (const table of tables) {
      const channelBounds = bounds.get(table.channel);
      if (channelBounds === undefined) throw new Error(`Invariant broken: ${table.channel} has no bounds`);
      const { change, total } = await copyTable(session, table, channelBounds, limits, keepLease);
      this.#totals.set(table.oid, total);
      changes.push(change);
    }
    return changes;
  }

  #changesOf(changes: readonly ReadChange[]): readonly ChannelChange[] {
    const byTable = new Map<Table, { upserts: Map<string, KeyedRow>; removes: Set<string>; delta: number }>();
    for (const { table, key, delta, row } of changes) {
      let gathered = byTable.get(table);
      if (gathered === undefined) byTable.set(table, (gathered = { upserts: new Map(), removes: new Set(), delta: 0 }));
      gathered.delta += delta;
      // A row found under a key that is spelled otherwise now: the old spelling leaves.
      if (row !== undefined) gathered.upserts.set(row.key, row);
      if (key !== undefined && key !== row?.key) gathered.removes.add(key);
    }
    return [...byTable].map(([table, { upserts, removes, delta }]) => {
      const total = Math.max(0, (this.#totals.get(table.oid) ?? 0) + delta);
      this.#totals.set(table.oid, total);
      return { channel: table.channel, upserts: [...upserts.values()], removes: [...removes].filter((key) => !upserts.has(key)), total };
    });
  }

  async #header(session: SqlQueries): Promise<ReadHeader> {
    const [row] = await session.query(headerStatement(this.#options.lease.readerId));
    return JSON.parse(asText(row?.["header"])) as ReadHeader;
  }

  async #readShapes(session: SqlQueries): Promise<ReadonlyMap<string, string>> {
    const rows = await session.query(shapesStatement([...this.#tables.values()]));
    return new Map(rows.map(({ oid, shape }) => [asText(oid), asText(shape)]));
  }

  /**
   * Looks at the tables again. One that is gone, or has another key or other columns, is let go: its
   * channel is stale for good and says so, its writers are freed of our triggers, the others live on.
   */
  async #reexamine(session: SqlSession): Promise<void> {
    if (this.#standing === undefined) return;
    const { context, limits } = this.#options;
    const { tables } = await findTables(session, undefined);
    const kept: Table[] = [];
    for (const table of this.#tables.values()) {
      const now = tables.find(({ oid }) => oid === table.oid);
      if (now !== undefined && JSON.stringify([now.schema, now.name, now.columns, now.key]) === JSON.stringify([table.schema, table.name, table.columns, table.key])) {
        kept.push(table);
        continue;
      }
      const reason = now === undefined ? "its table is gone or can't be read any more" : "its table was altered; restart Tidemark to read its new shape";
      await context.append({ changes: [], status: [{ channels: [table.channel], status: { status: "stale", reason } }] });
      await release(session, table.oid, limits.lockTimeoutMs).catch((error: unknown) => context.logger.warn({ table: table.channel, err: error }, "triggers could not be removed"));
    }
    this.#tables = new Map(kept.map((table) => [table.oid, table]));
    await install(session, kept, limits.lockTimeoutMs);
  }
}
