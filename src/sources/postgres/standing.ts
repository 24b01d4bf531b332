/** Where a reader stands, and what it asks to find out: the moment, what rows stand on, which tables were written. */
import type { Writers } from "./writers-before.ts";
import { inProgressArray, type PgSnapshot } from "./pg-snapshot.ts";
import { asText, type SqlQueries } from "./sql.ts";
import { stampsStatement, stampStatement } from "./stamps.ts";
import { headerStatement, type ReadHeader } from "./statements.ts";
import type { Table } from "./tables.ts";

/** What is known across connections. */
export interface Standing extends Stamps {
  readonly position: PgSnapshot;
  readonly startedAt: string;
  /** Transactions that may have written before the lease began, and the tables. When one ends, these are copied. */
  readonly uncaptured: Writers;
}

/** What the rows in the log stand on: of all tables that are read, and by table. */
export interface Stamps {
  readonly stamp: string;
  readonly stamps: ReadonlyMap<number, string>;
}

export async function readHeader(queries: SqlQueries, readerId: string): Promise<ReadHeader> {
  const [row] = await queries.query(headerStatement(readerId));
  return JSON.parse(asText(row?.["header"])) as ReadHeader;
}

export async function readStamps(queries: SqlQueries, tables: readonly Table[]): Promise<Stamps> {
  const [all] = await queries.query(stampStatement(tables));
  const each = await queries.query(stampsStatement(tables));
  return {
    stamp: asText(all?.["stamp"]),
    stamps: new Map(each.map(({ oid, stamp }) => [Number(oid), asText(stamp)])),
  };
}

/** The tables that were written since. */
export async function writtenSince(
  queries: SqlQueries,
  tables: readonly Table[],
  position: PgSnapshot,
): Promise<readonly Table[]> {
  const rows = await queries.query(
    "SELECT DISTINCT tab::text AS tab FROM tidemark.outbox WHERE xid >= $1::xid8 OR xid = ANY ($2::xid8[])",
    [position.xmax, inProgressArray(position)],
  );
  const written = new Set(rows.map(({ tab }) => Number(asText(tab))));
  return tables.filter(({ oid }) => written.has(oid));
}
