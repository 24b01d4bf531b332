/** The versions of a channel's rows as of a seq, read from its table. */
import type * as DuckDB from "@duckdb/node-api";
import type { Row } from "../../protocol/row.ts";
import { whereSql } from "../sql/where.ts";
import { afterSql, isSqlOrder, orderSql, type OrderContext } from "../sql/order.ts";
import { all } from "../sql/dialect.ts";
import { textOfKey } from "../sql/order-key.ts";
import type { Candidate, CandidateSource } from "../sql/page-reader.ts";
import type { PagePlace, PageQuery, StoredRow } from "../history.ts";
import type { Session } from "./database.ts";
import { sqlColumnOf, type Layout } from "./layout.ts";
import { DIALECT, identifier, Parameters } from "./statement.ts";

type SqlRow = Readonly<Record<string, DuckDB.JS>>;

export const VERSION_COLUMNS = `_key, _seq, _time_ms, _row`;

export function storedRowOf(row: SqlRow): StoredRow {
  return {
    key: textOfKey(String(row["_key"])),
    json: String(row["_row"]),
    seq: Number(row["_seq"]),
    timeMs: Number(row["_time_ms"]),
  };
}

/** The newest reload at or below a seq: rows of earlier seqs ended there. 0 without one. */
export async function reloadAt(session: Session, layout: Layout, seq: number): Promise<number> {
  const parameters = new Parameters();
  const [row] = await session.run(
    `SELECT max(_seq) AS seq FROM ${identifier(layout.table)}
     WHERE _kind = 'reload' AND _seq <= ${parameters.add(BigInt(seq), "BIGINT")}`,
    parameters,
  );
  return Number(row?.["seq"] ?? 0);
}

/** How many of a fetch's versions must be alive, or the newest of each key are looked up first. */
const ALIVE_SHARE_MIN = 0.3;
const ALIVE_SAMPLE_MIN = 32;

/**
 * Two ways lead to the rows as of a seq. Where most versions are the newest of their keys, the next
 * ones in order are read, and those that have a newer version are left out. Where keys are written
 * often, the newest version of each key comes first.
 */
export class Versions implements CandidateSource {
  readonly #session: Session;
  readonly #layout: Layout;
  readonly #query: PageQuery;
  readonly #reload: number;
  readonly #context: Omit<OrderContext, "parameters">;
  #isRewritten: boolean;

  constructor(options: {
    readonly session: Session;
    readonly layout: Layout;
    readonly query: PageQuery;
    readonly reload: number;
    readonly isRewritten: boolean;
  }) {
    const { session, layout, query } = options;
    this.#session = session;
    this.#layout = layout;
    this.#query = query;
    this.#reload = options.reload;
    this.#isRewritten = options.isRewritten;
    const isOddQuery = hasLoneSurrogate(query);
    const columns = new Map(
      layout.columns.map((column) => [
        column.name,
        sqlColumnOf({ ...column, hasOdd: column.hasOdd || isOddQuery }),
      ]),
    );
    this.#context = {
      dialect: DIALECT,
      columns: (column) => columns.get(column),
      key: { sql: "_key", type: "VARCHAR" },
    };
  }

  /** Whether keys proved to be written often. */
  get isRewritten(): boolean {
    return this.#isRewritten;
  }

  get isSqlOrder(): boolean {
    return isSqlOrder(this.#query.orderBy, this.#context);
  }

  async next(after: PagePlace | undefined, limit: number): Promise<readonly Candidate[]> {
    const parameters = new Parameters();
    const context = { ...this.#context, parameters };
    const { orderBy } = this.#query;
    const condition = all([
      this.#condition(parameters),
      after === undefined ? "TRUE" : afterSql(orderBy, after, context),
    ]);
    const order = `${orderSql(orderBy, context)}, _seq DESC`;
    if (this.#isRewritten) return this.#newest(condition, order, limit, parameters);
    // DuckDB skips what is behind the last of the rows found so far. To find the places of the rows
    // first, and then the rows by their places, takes five times as long where they are scattered.
    const sql = `SELECT ${VERSION_COLUMNS}, _hash FROM ${this.#table}
      WHERE ${condition} ORDER BY ${order} LIMIT ${limit}`;
    const rows = await this.#session.run(sql, parameters);
    return this.#checked(rows);
  }

  async unordered(limit: number): Promise<readonly Candidate[]> {
    const parameters = new Parameters();
    return this.#newest(this.#condition(parameters), "_seq", limit, parameters);
  }

  get #table(): string {
    return identifier(this.#layout.table);
  }

  /** What the versions of a page have in common. */
  #condition(parameters: Parameters): string {
    const { where, asOf, beforeSeq } = this.#query;
    return all([
      "_kind = 'upsert'",
      `_seq <= ${parameters.add(BigInt(asOf), "BIGINT")}`,
      this.#reload === 0 ? "TRUE" : `_seq >= ${parameters.add(BigInt(this.#reload), "BIGINT")}`,
      beforeSeq === undefined ? "TRUE" : `_seq < ${parameters.add(BigInt(beforeSeq), "BIGINT")}`,
      where === undefined ? "TRUE" : whereSql(where, { ...this.#context, parameters }),
    ]);
  }

  async #newest(
    condition: string,
    order: string,
    limit: number,
    parameters: Parameters,
  ): Promise<readonly Candidate[]> {
    const asOf = parameters.add(BigInt(this.#query.asOf), "BIGINT");
    const reload = parameters.add(BigInt(this.#reload), "BIGINT");
    const sql = `SELECT ${VERSION_COLUMNS} FROM ${this.#table}
      SEMI JOIN (
        SELECT _hash, _key, max(_seq) AS _seq FROM ${this.#table}
        WHERE _seq <= ${asOf} AND _seq >= ${reload} AND _kind <> 'reload' GROUP BY _hash, _key
      ) AS newest USING (_hash, _key, _seq)
      WHERE ${condition} ORDER BY ${order} LIMIT ${limit}`;
    const rows = await this.#session.run(sql, parameters);
    return rows.map((row) => ({ ...storedRowOf(row), isAlive: true }));
  }

  /** The versions, with those marked that a newer entry of their key replaced. */
  async #checked(rows: readonly SqlRow[]): Promise<readonly Candidate[]> {
    const newest = await this.#newestOf(rows);
    const candidates = rows.map((row) => ({
      ...storedRowOf(row),
      isAlive: (newest.get(String(row["_key"])) ?? 0) <= Number(row["_seq"]),
    }));
    const alive = candidates.filter(({ isAlive }) => isAlive).length;
    this.#isRewritten =
      candidates.length >= ALIVE_SAMPLE_MIN && alive < candidates.length * ALIVE_SHARE_MIN;
    return candidates;
  }

  /** The newest seq of each key that has an entry newer than one of these versions. */
  async #newestOf(rows: readonly SqlRow[]): Promise<ReadonlyMap<string, number>> {
    const seqs = new Map<bigint, number>();
    for (const row of rows) {
      const hash = row["_hash"] as bigint;
      const seq = Number(row["_seq"]);
      seqs.set(hash, Math.min(seqs.get(hash) ?? seq, seq));
    }
    const oldest = [...seqs.values()].reduce((low, seq) => Math.min(low, seq), Infinity);
    if (oldest === Infinity) return new Map();
    // Hashes and seqs alone first: most rows have no newer entry.
    const parameters = new Parameters();
    const entries = await this.#session.run(
      `SELECT _hash, _seq FROM ${this.#table}
       WHERE _seq > ${parameters.add(BigInt(oldest), "BIGINT")}
         AND _seq <= ${parameters.add(BigInt(this.#query.asOf), "BIGINT")}
         AND _hash IN (SELECT unnest(${parameters.addList([...seqs.keys()])}))`,
      parameters,
    );
    const newer = entries.filter(
      (entry) => Number(entry["_seq"]) > (seqs.get(entry["_hash"] as bigint) ?? Infinity),
    );
    return newer.length === 0 ? new Map() : this.#keysOf(newer);
  }

  async #keysOf(entries: readonly SqlRow[]): Promise<ReadonlyMap<string, number>> {
    const parameters = new Parameters();
    const listOf = (column: string): string =>
      parameters.addList([...new Set(entries.map((entry) => entry[column] as bigint))]);
    const found = await this.#session.run(
      `SELECT _key, max(_seq) AS _seq FROM ${this.#table}
       WHERE _hash IN (SELECT unnest(${listOf("_hash")}))
         AND _seq IN (SELECT unnest(${listOf("_seq")})) AND _kind <> 'reload'
       GROUP BY _key`,
      parameters,
    );
    return new Map(found.map((row) => [String(row["_key"]), Number(row["_seq"])]));
  }
}

/** A text that a native column of texts has no place for. */
function hasLoneSurrogate({ where, after }: PageQuery): boolean {
  return /\\ud[89a-f]/i.test(JSON.stringify([where, after?.row satisfies Row | undefined]));
}
