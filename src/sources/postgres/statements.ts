/**
 * The SQL of the reader: one prepared statement that returns the changes that have become visible
 * since a snapshot, and the copy. Values become text by their types' output functions alone, and
 * keys are compared with Postgres's own operators: casts and operators of other roles would run
 * with the reader's rights.
 */
import { assert } from "../../std/assert.ts";
import type { KeyedRow } from "../../log/log.ts";
import { jsonDepth } from "../../protocol/json-depth.ts";
import { keyOf, OMITTED, type Row } from "../../protocol/row.ts";
import { inProgressArray, type PgSnapshot } from "./pg-snapshot.ts";
import { AWAITED } from "./schema.ts";
import { asText, ident, literal, type SqlRow } from "./sql.ts";
import { relations, stampOfAll, target } from "./stamps.ts";
import type { TableColumn } from "./columns.ts";
import type { Table } from "./tables.ts";

/** The header of a read: facts about the server and its snapshot. */
export interface ReadHeader {
  readonly snapshot: string;
  readonly nowSeconds: number;
  /** Changes when the server was restarted: the outbox may have been emptied. */
  readonly startedAt: string;
  /** False after a crash, which empties tables that are not logged. */
  readonly isAlive: boolean;
  /**
   * The stamp of all tables as of the same snapshot; null where nothing was committed since the
   * former one.
   */
  readonly stamp: string | null;
}

export interface ReadChange {
  readonly table: Table;
  /** Undefined for TRUNCATE. */
  readonly key: string | undefined;
  /** By how many rows the table has grown or shrunk. */
  readonly delta: number;
  /** The row as of the read, or undefined when there is none. */
  readonly row: KeyedRow | undefined;
}

const PREPARED = "tidemark_read";

function headerJson(readerId: string, stamp: string): string {
  return `json_build_object('snapshot', pg_current_snapshot()::text, 'stamp', ${stamp},
    'nowSeconds', extract(epoch FROM clock_timestamp()), 'startedAt', pg_postmaster_start_time()::text,
    'isAlive', EXISTS (SELECT 1 FROM tidemark.alive WHERE id = ${literal(readerId)}))`;
}

export interface ReadOptions {
  /** The maximum of keys that are read. */
  readonly keysMax: number;
  readonly readerId: string;
  readonly rowBytesMax: number;
}

/**
 * The read, with the former snapshot's xmax, its transactions in progress and its text as
 * parameters. Keys with different texts are different keys, so they are grouped as text. One
 * statement has one snapshot, so changes and rows are as of the same one. Rows of newer
 * transactions and rows of transactions that were in progress are two index ranges; the statement
 * never reads the rows between, however long a transaction stays open.
 */
export function readStatement(
  tables: readonly Table[],
  { keysMax, readerId, rowBytesMax }: ReadOptions,
): string {
  const branches = tables.map(
    (table) => `
    SELECT c.tab, ${keyJson(table)} AS key, c.delta, ${rowJson(table, "t", rowBytesMax)} AS row
      FROM changed c LEFT JOIN ${target(table)} t ON ${table.key.map((column, index) => `t.${ident(column.name)} = ${keyPart(column, index)}`).join(" AND ")} AND c.key IS NOT NULL
     WHERE c.tab = ${table.oid}`,
  );
  return `WITH RECURSIVE ${relations(tables)}, changed AS MATERIALIZED (
    SELECT tab, key::text::jsonb AS key, sum(delta)::int AS delta
      FROM (SELECT tab, key, delta FROM tidemark.outbox WHERE xid >= $1::xid8
            UNION ALL
            SELECT tab, key, delta FROM tidemark.outbox
             WHERE xid = ANY (ARRAY(SELECT x FROM unnest($2::xid8[]) AS x WHERE pg_visible_in_snapshot(x, pg_current_snapshot())))) AS outbox
     WHERE tab = ANY ('{${[AWAITED, ...tables.map(({ oid }) => oid)].join(",")}}')
     GROUP BY tab, key::text LIMIT ${keysMax}
  )
  SELECT NULL::bigint AS tab, NULL::text AS key, 0 AS delta, ${headerJson(readerId, `CASE WHEN pg_current_snapshot()::text <> $3::text THEN ${stampOfAll(tables)} END`)}::text AS row
  UNION ALL SELECT tab, NULL, 0, NULL FROM changed WHERE tab = ${AWAITED}
  ${branches.map((branch) => `UNION ALL ${branch}`).join("\n  ")}`;
}

/** The parameters of the read. */
export function readParameters(since: PgSnapshot): readonly [string, string, string] {
  return [since.xmax, inProgressArray(since), since.text];
}

/**
 * The same by SQL, for a connection that is shared with an application. That connection may still
 * have the statement of an earlier reader.
 */
export const SHARED = {
  find: `SELECT 1 FROM pg_prepared_statements WHERE name = '${PREPARED}'`,
  deallocate: `DEALLOCATE ${PREPARED}`,
  prepare: (statement: string): string =>
    `PREPARE ${PREPARED} (xid8, xid8[], text) AS ${statement}`,
  execute: (since: PgSnapshot): string =>
    `EXECUTE ${PREPARED} (${readParameters(since).map(literal).join(", ")})`,
};

export interface Read {
  readonly header: ReadHeader;
  readonly changes: readonly ReadChange[];
  /**
   * A client waits for one of the transactions that became visible, so they are a commit even if
   * no row changed.
   */
  readonly isAwaited: boolean;
}

/** Splits a read's result. Changes of tables that are not served are skipped. */
export function parseRead(
  rows: readonly SqlRow[],
  tables: ReadonlyMap<number, Table>,
  depthMax: number,
): Read {
  let isAwaited = false;
  let header: ReadHeader | undefined;
  const changes: ReadChange[] = [];
  for (const { tab, key, delta, row } of rows) {
    if (tab === null) {
      header = JSON.parse(asText(row)) as ReadHeader;
      continue;
    }
    isAwaited ||= Number(tab) === AWAITED;
    const table = tables.get(Number(tab));
    if (table === undefined) continue;
    changes.push({
      table,
      key: key === null ? undefined : keyText(JSON.parse(asText(key)) as Row, table),
      delta: Number(delta),
      row: row === null ? undefined : keyedRow(asText(row), table, depthMax),
    });
  }
  assert(header !== undefined, "a read has a header");
  return { header, changes, isAwaited };
}

export function headerStatement(readerId: string): string {
  return `SELECT ${headerJson(readerId, "NULL")}::text AS header`;
}

interface RowsOptions {
  readonly rowsMax: number;
  readonly rowBytesMax: number;
}

/** The newest rows by key, the oldest of them last. */
export function newestRowsStatement(table: Table, { rowsMax, rowBytesMax }: RowsOptions): string {
  const order = table.key.map(({ name }) => `t.${ident(name)} DESC`).join(", ");
  return `SELECT ${rowJson(table, "t", rowBytesMax)} AS row FROM ${target(table)} t ORDER BY ${order} LIMIT ${rowsMax}`;
}

/** The same by a cursor, from which chunks are fetched until the channel is full. */
export function copyStatement(table: Table, cursor: string, options: RowsOptions): string {
  return `DECLARE ${cursor} NO SCROLL CURSOR FOR ${newestRowsStatement(table, options)}`;
}

export function countStatement(table: Table): string {
  return `SELECT count(*)::text AS rows FROM ${target(table)}`;
}

/** Locks a row, and selects it with the transaction that wrote it last. */
export function lockRowStatement(table: Table, rowBytesMax: number): string {
  return `SELECT ${rowJson(table, "t", rowBytesMax)} AS row, t.xmin::text AS last, pg_current_xact_id()::text AS xid FROM ${target(table)} t
    WHERE ${table.key.map((column, index) => `t.${ident(column.name)} = ${ofText(column, `$${index + 1}::text`)}`).join(" AND ")} FOR UPDATE`;
}

/**
 * The transactions that wrote a key after a snapshot: the parameters are the key's parts, then the
 * snapshot's `xmax` and its transactions in progress.
 */
export function writesSinceStatement({ oid, key }: Table): string {
  const parts = key
    .map((column, index) => `format('%s', ${ofText(column, `$${index + 1}::text`)})`)
    .join(", ");
  const [xmax, inProgress] = [key.length + 1, key.length + 2];
  return `SELECT DISTINCT xid::text AS write FROM tidemark.outbox WHERE (xid >= $${xmax}::text::xid8 OR xid = ANY ($${inProgress}::text::xid8[])) AND tab = ${oid} AND (key IS NULL OR key = jsonb_build_array(${parts}))`;
}

/**
 * A row from its text, which is kept where `JSON.stringify` would write the same. A row that nests
 * too deep is replaced by its key and `$omitted`.
 */
export function keyedRow(text: string, table: Table, depthMax: number): KeyedRow {
  const row = JSON.parse(text) as Row;
  const key = keyText(row, table);
  if (table.isTextExact) return { key, row, json: text };
  if (!table.hasJson || jsonDepth(text, depthMax) <= depthMax) return { key, row };
  const shown = table.key.map(({ name }) => [name, row[name] ?? null]);
  return {
    key,
    row: Object.fromEntries([
      ...shown,
      [OMITTED, `the row nests more than the ${depthMax} levels of rowDepthMax`],
    ]) as Row,
  };
}

function keyText(row: Row, table: Table): string {
  const key = keyOf(
    row,
    table.key.map(({ name }) => name),
  );
  assert(key !== undefined, `a row of ${table.channel} has its key`);
  return key;
}

/**
 * The row as JSON text; null where the outer join found none. A row that is too large is replaced;
 * if its columns' sizes are known, before it is built.
 */
function rowJson(table: Table, alias: string, bytesMax: number): string {
  const first = table.key[0];
  assert(first !== undefined, "a table has a key");
  const column = (name: string): string => `${alias}.${ident(name)}`;
  const built = `(SELECT row_to_json(r.*) FROM (SELECT ${selected(table.columns, column)}) AS r)::text`;
  const marker = (size: string): string =>
    `(SELECT row_to_json(r.*) FROM (SELECT ${selected(table.key, column)}, concat('the row has ', ${size}, ' bytes, more than the ${bytesMax} of rowBytesMax') AS ${ident(OMITTED)}) AS r)::text`;
  const sizes = table.columns.flatMap(({ name, size }) =>
    size === undefined ? [] : [`coalesce(${size.replaceAll("$", () => column(name))}, 0)::int8`],
  );
  const bounded = `(SELECT CASE WHEN octet_length(s.text) > ${bytesMax} THEN ${marker("octet_length(s.text)")} ELSE s.text END FROM (SELECT ${built} AS text OFFSET 0) AS s)`;
  const row =
    sizes.length === 0
      ? built
      : `CASE WHEN ${sizes.join(" + ")} > ${bytesMax} THEN ${marker(`${sizes.join(" + ")}`)} ELSE ${bounded} END`;
  return `CASE WHEN ${column(first.name)} IS NOT NULL THEN ${row} END`;
}

function selected(columns: readonly TableColumn[], of: (name: string) => string): string {
  return columns
    .map(
      ({ name, expression, typeOid }) =>
        `CASE WHEN pg_typeof(${of(name)}) = ${typeOid}::regtype THEN ${expression.replaceAll("$", () => of(name))} END AS ${ident(name)}`,
    )
    .join(", ");
}

/** The captured key in the form of the key in its row, so that both give the same text. */
function keyJson(table: Table): string {
  const columns = table.key.map((column, index) => {
    // The captured key is a text, and so is a value of a user's type in the row.
    const value =
      column.ownTypeOid === undefined
        ? column.expression.replaceAll("$", () => keyPart(column, index))
        : `c.key ->> ${index}`;
    return `${value} AS ${ident(column.name)}`;
  });
  return `CASE WHEN c.key IS NOT NULL THEN (SELECT row_to_json(k.*) FROM (SELECT ${columns.join(", ")}) AS k)::text END`;
}

function keyPart(column: TableColumn, index: number): string {
  return ofText(column, `c.key ->> ${index}`);
}

function ofText({ fromText }: TableColumn, text: string): string {
  return fromText.replaceAll("$", () => text);
}
