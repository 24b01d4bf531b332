/**
 * A reader's progress, and its queries for that: the snapshot, the stamps of tables, the tables
 * that were written.
 */
import { inProgressArray, type PgSnapshot } from "./pg-snapshot.ts";
import { asText, type SqlQueries } from "./sql.ts";
import { stampsStatement, stampStatement } from "./stamps.ts";
import { headerStatement, type ReadHeader } from "./statements.ts";
import type { Table } from "./tables.ts";
import type { Writers } from "./writers-before.ts";

/** The state from which a new connection continues to read. */
export interface ReadState extends Stamps {
  /** The transactions whose changes have been read. */
  readonly snapshot: PgSnapshot;
  readonly startedAt: string;
  /**
   * Transactions that may have written before the lease began, and the tables. When one ends, these
   * are copied.
   */
  readonly uncaptured: Writers;
}

/**
 * The stamp of everything that is read, and of each table by oid, as the rows in the log were read
 * under it.
 */
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

/** The tables written by transactions that the snapshot does not show. */
export async function writtenSince(
  queries: SqlQueries,
  tables: readonly Table[],
  snapshot: PgSnapshot,
): Promise<readonly Table[]> {
  const rows = await queries.query(
    "SELECT DISTINCT tab::text AS tab FROM tidemark.outbox WHERE xid >= $1::xid8 OR xid = ANY ($2::xid8[])",
    [snapshot.xmax, inProgressArray(snapshot)],
  );
  const written = new Set(rows.map(({ tab }) => Number(asText(tab))));
  return tables.filter(({ oid }) => written.has(oid));
}
