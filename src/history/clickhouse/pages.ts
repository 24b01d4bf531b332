/**
 * Pages of the rows as of a seq, and the rows that changed last.
 *
 * A page reads the next versions in its order that may match, and then looks whether their keys
 * have newer ones: two quick statements where most versions are the newest of their key. Where few
 * are, it first finds the newest version of each key.
 */
import type { Clock } from "../../std/clock.ts";
import type { ChannelBounds } from "../../log/limits.ts";
import type { NewestBounds, PagePlace, PageQuery, StoredRow } from "../history.ts";
import { all } from "../sql/dialect.ts";
import { textOfKey } from "../sql/order-key.ts";
import { afterSql, isSqlOrder, orderSql } from "../sql/order.ts";
import {
  PAGE_LIMITS,
  readPage,
  readUnorderedPage,
  type Candidate,
  type CandidateSource,
  type ReadPage,
} from "../sql/page-reader.ts";
import { whereSql } from "../sql/where.ts";
import { arrivalsSql } from "./arrivals.ts";
import { tableSql, type ChannelTable } from "./channel-table.ts";
import { sqlColumns } from "./columns.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { orderBoundSql } from "./order-bound.ts";
import { entriesSql, versionsSql, type Snapshot } from "./snapshot.ts";
import { CLICKHOUSE_DIALECT, ClickHouseParameters } from "./sql-parameters.ts";

/** How many of so many versions must be the newest of their keys. */
const NEWEST_SHARE_MIN = 0.3;
const NEWEST_SAMPLE_MIN = 32;

export class Pages {
  readonly #connection: ClickHouseConnection;
  readonly #clock: Clock;
  /** Channels whose keys are written often. */
  readonly #rewritten = new Set<string>();

  constructor(connection: ClickHouseConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async page(
    table: ChannelTable,
    snapshot: Snapshot,
    query: PageQuery,
    signal: AbortSignal | undefined,
  ): Promise<ReadPage> {
    const { name } = table.channel;
    const source = new Versions({
      table,
      snapshot,
      query,
      signal,
      connection: this.#connection,
      isRewritten: this.#rewritten.has(name),
    });
    const reading = { query, source, clock: this.#clock, limits: PAGE_LIMITS, signal };
    if (!isSqlOrder(query.orderBy, { columns: sqlColumns(table.columns) })) {
      return readUnorderedPage(reading);
    }
    const page = await readPage(reading);
    if (source.isRewritten) this.#rewritten.add(name);
    else this.#rewritten.delete(name);
    return page;
  }
}

interface VersionsOptions {
  readonly connection: ClickHouseConnection;
  readonly table: ChannelTable;
  readonly snapshot: Snapshot;
  readonly query: PageQuery;
  readonly signal: AbortSignal | undefined;
  readonly isRewritten: boolean;
}

type VersionRow = readonly [seq: number, timeMs: number, key: string, json: string, hash: string];

class Versions implements CandidateSource {
  readonly #options: VersionsOptions;
  readonly #name: string;
  #isRewritten: boolean;

  constructor(options: VersionsOptions) {
    this.#options = options;
    this.#name = tableSql(options.snapshot.database, options.table.name);
    this.#isRewritten = options.isRewritten;
  }

  get isRewritten(): boolean {
    return this.#isRewritten;
  }

  async next(after: PagePlace | undefined, limit: number): Promise<readonly Candidate[]> {
    const isNewest = this.#isRewritten;
    const rows = await this.#select(this.#options.query.orderBy, isNewest, after, limit);
    return isNewest
      ? rows.map((row) => ({ ...storedRowOf(row), isAlive: true }))
      : this.#checked(rows);
  }

  async unordered(limit: number): Promise<readonly Candidate[]> {
    const rows = await this.#select([], true, undefined, limit);
    return rows.map((row) => ({ ...storedRowOf(row), isAlive: true }));
  }

  #select(
    orderBy: PageQuery["orderBy"],
    isNewest: boolean,
    after: PagePlace | undefined,
    limit: number,
  ): Promise<readonly VersionRow[]> {
    const { connection, query, signal, snapshot, table } = this.#options;
    const { asOf, beforeSeq, where } = query;
    const parameters = new ClickHouseParameters();
    const context = {
      dialect: CLICKHOUSE_DIALECT,
      columns: sqlColumns(table.columns),
      parameters,
      key: { sql: "_key", type: "String" },
    };
    const versions = versionsSql(table, snapshot, asOf);
    const conditions = all([
      isNewest
        ? `(_seq, _place) IN (
             SELECT max(_seq), argMax(_place, _seq) FROM ${this.#name} WHERE ${versions} GROUP BY _key)`
        : versions,
      "_kind = 'upsert'",
      beforeSeq === undefined ? "TRUE" : `_seq < ${beforeSeq}`,
      where === undefined ? "TRUE" : whereSql(where, context),
      after === undefined ? "TRUE" : afterSql(orderBy, after, context),
    ]);
    const bound = isNewest
      ? "TRUE"
      : orderBoundSql({ name: this.#name, conditions, orderBy, after, asOf, limit, context });
    // Of a key's versions in one place the newest comes first, because the place behind one is
    // behind all.
    return connection.rows<VersionRow>(
      `SELECT _seq, _time_ms, _key, _row, toString(_key_hash) FROM ${this.#name}
       WHERE ${all([conditions, bound])}
       ORDER BY ${orderSql(orderBy, context)}, _seq DESC LIMIT ${limit}`,
      parameters.values,
      signal,
    );
  }

  /** The versions, with those marked that a newer entry of their key replaced. */
  async #checked(rows: readonly VersionRow[]): Promise<readonly Candidate[]> {
    if (rows.length === 0) return [];
    const { connection, query, signal, snapshot } = this.#options;
    const oldestSeq = Math.min(...rows.map(([seq]) => seq));
    const hashes = [...new Set(rows.map(([, , , , hash]) => hash))];
    const newer = await connection.rows<[string, number]>(
      `SELECT _key, max(_seq) FROM ${this.#name}
       WHERE _key_hash IN (${hashes.join(", ")}) AND _seq > ${oldestSeq}
         AND ${entriesSql(snapshot, query.asOf)} AND _kind != 'reload'
       GROUP BY _key`,
      {},
      signal,
    );
    const newest = new Map(newer);
    const candidates = rows.map((row) => {
      const [seq, , key] = row;
      return { ...storedRowOf(row), isAlive: (newest.get(key) ?? 0) <= seq };
    });
    const alive = candidates.filter(({ isAlive }) => isAlive).length;
    this.#isRewritten =
      candidates.length >= NEWEST_SAMPLE_MIN && alive < candidates.length * NEWEST_SHARE_MIN;
    return candidates;
  }
}

function storedRowOf([seq, timeMs, key, json]: VersionRow): StoredRow {
  return { key: textOfKey(key), json, seq, timeMs };
}

/** The rows that changed last, or arrived last if the channel evicts by arrival; newest first. */
export async function newestRows(
  connection: ClickHouseConnection,
  table: ChannelTable,
  snapshot: Snapshot,
  bounds: NewestBounds & Pick<ChannelBounds, "evict">,
): Promise<readonly StoredRow[]> {
  const asOf = bounds.asOf ?? snapshot.seq;
  const sinceMs = Math.ceil(Math.max(bounds.sinceMs, Number.MIN_SAFE_INTEGER));
  const select =
    bounds.evict === "oldest_arrival"
      ? `SELECT seq, time_ms, _key, row FROM (${arrivalsSql(table, snapshot, {
          asOf,
          columns: `_key, max(_seq) AS seq, argMax(_time_ms, _seq) AS time_ms,
            argMax(_row, _seq) AS row`,
          having: "HAVING time_ms >= {since:Int64}",
        })})`
      : newestChangesSql(table, snapshot, asOf);
  const rowsMax = Math.min(bounds.rowsMax, Number.MAX_SAFE_INTEGER);
  const found = connection.stream<[number, number, string, string]>(`${select} LIMIT ${rowsMax}`, {
    since: sinceMs,
  });
  const rows: StoredRow[] = [];
  let bytes = 0;
  for await (const [seq, timeMs, key, json] of found) {
    bytes += Buffer.byteLength(json);
    if (bytes > bounds.bytesMax) break;
    rows.push({ key: textOfKey(key), json, seq, timeMs });
  }
  return rows;
}

function newestChangesSql(table: ChannelTable, snapshot: Snapshot, asOf: number): string {
  const name = tableSql(snapshot.database, table.name);
  const versions = versionsSql(table, snapshot, asOf);
  return `SELECT _seq, _time_ms, _key, _row FROM (
       SELECT _seq, _time_ms, _key, _row, _kind FROM ${name}
       WHERE ${versions} AND _seq >= (
         SELECT minOrNull(_seq) FROM ${name}
         WHERE _time_ms >= {since:Int64} AND ${entriesSql(snapshot)})
       ORDER BY _seq DESC, _place DESC LIMIT 1 BY _key)
     WHERE _kind = 'upsert' AND _time_ms >= {since:Int64}`;
}
