/** The SQL that reads: one prepared statement that answers "what changed since my position", and the copy. */
import { assert } from "../../std/assert.ts";
import type { KeyedRow } from "../../log/log.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import { inProgressArray, type PgSnapshot } from "./pg-snapshot.ts";
import { asText, ident, literal, type SqlRow } from "./sql.ts";
import { qualified, type Table, type TableColumn } from "./tables.ts";

/** What one read says about the server and the moment of reading. */
export interface ReadHeader {
  readonly snapshot: string;
  readonly nowSeconds: number;
  /** Changes when the server was restarted: the outbox may have been emptied. */
  readonly startedAt: string;
  /** False after a crash, which empties tables that are not logged. */
  readonly isAlive: boolean;
}

export interface ReadChange {
  readonly table: Table;
  /** Undefined for TRUNCATE. */
  readonly key: string | undefined;
  /** Rows gained or lost in the table. */
  readonly delta: number;
  /** The row as of the read, or undefined when there is none. */
  readonly row: KeyedRow | undefined;
}

/** Stands for no table: a transaction that somebody waits for. */
const MARK = 0;
const PREPARED = "tidemark_read";

function headerJson(readerId: string): string {
  return `json_build_object('snapshot', pg_current_snapshot()::text,
    'nowSeconds', extract(epoch FROM clock_timestamp()), 'startedAt', pg_postmaster_start_time()::text,
    'isAlive', EXISTS (SELECT 1 FROM tidemark.alive WHERE id = ${literal(readerId)}))`;
}

/**
 * Prepares the read. Keys that are spelled otherwise are other keys, so they are grouped as text. Its snapshot is that of one statement, so changes and rows are as of the same
 * moment. Rows newer than the position and rows of transactions that were then in progress are two
 * index ranges; what lies between is never looked at, however long a transaction stays open.
 */
export function prepareStatement(tables: readonly Table[], limit: number, readerId: string): string {
  const branches = tables.map(
    (table) => `
    SELECT c.tab, ${keyJson(table)} AS key, c.delta, ${rowJson(table, "t")} AS row
      FROM changed c LEFT JOIN ${from(table)} t ON ${table.key.map((column, index) => `t.${ident(column.name)} = ${keyPart(column, index)}`).join(" AND ")} AND c.key IS NOT NULL
     WHERE c.tab = ${table.oid}`,
  );
  return `PREPARE ${PREPARED} (xid8, xid8[]) AS
  WITH changed AS MATERIALIZED (
    SELECT tab, key::text::jsonb AS key, sum(delta)::int AS delta
      FROM (SELECT tab, key, delta FROM tidemark.outbox WHERE xid >= $1
            UNION ALL
            SELECT tab, key, delta FROM tidemark.outbox
             WHERE xid = ANY (ARRAY(SELECT x FROM unnest($2) AS x WHERE pg_visible_in_snapshot(x, pg_current_snapshot())))) AS outbox
     WHERE tab = ANY ('{${[MARK, ...tables.map(({ oid }) => oid)].join(",")}}')
     GROUP BY tab, key::text LIMIT ${limit}
  )
  SELECT NULL::bigint AS tab, NULL::text AS key, 0 AS delta, ${headerJson(readerId)}::text AS row
  UNION ALL SELECT tab, NULL, 0, NULL FROM changed WHERE tab = ${MARK}
  ${branches.map((branch) => `UNION ALL ${branch}`).join("\n  ")}`;
}

/** A shared connection may carry the statement of an earlier reader, and the application's own, which stay. */
export const FORMER_STATEMENT = `SELECT 1 FROM pg_prepared_statements WHERE name = '${PREPARED}'`;
export const DEALLOCATE_STATEMENT = `DEALLOCATE ${PREPARED}`;

export function readStatement(position: PgSnapshot): string {
  return `EXECUTE ${PREPARED} ('${position.xmax}', '${inProgressArray(position)}')`;
}

export interface Read {
  readonly header: ReadHeader;
  readonly changes: readonly ReadChange[];
  /** Somebody waits for a transaction among what became visible, so it is a commit even when it changed nothing here. */
  readonly isMarked: boolean;
}

/** Splits a read's result. Changes of tables that are not ours are passed over. */
export function parseRead(rows: readonly SqlRow[], tables: ReadonlyMap<number, Table>): Read {
  let isMarked = false;
  let header: ReadHeader | undefined;
  const changes: ReadChange[] = [];
  for (const { tab, key, delta, row } of rows) {
    if (tab === null) {
      header = JSON.parse(asText(row)) as ReadHeader;
      continue;
    }
    isMarked ||= Number(tab) === MARK;
    const table = tables.get(Number(tab));
    if (table === undefined) continue;
    changes.push({
      table,
      key: key === null ? undefined : keyText(JSON.parse(asText(key)) as Row, table),
      delta: Number(delta),
      row: row === null ? undefined : keyedRow(asText(row), table),
    });
  }
  assert(header !== undefined, "a read has a header");
  return { header, changes, isMarked };
}

export function headerStatement(readerId: string): string {
  return `SELECT ${headerJson(readerId)}::text AS header`;
}

/** What would make captured changes or the prepared read wrong if it changed, per table: storage, columns, partitions, triggers. */
export function shapesStatement(tables: readonly Table[]): string {
  return `SELECT c.oid::text AS oid, md5(concat_ws('/', c.relname, c.relnamespace,
      (SELECT string_agg(a.attname || a.atttypid || a.atttypmod, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      (SELECT string_agg(p.oid || ':' || p.relfilenode, ',' ORDER BY p.oid) FROM pg_class p WHERE p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid))),
      (SELECT string_agg(t.tgname || t.tgenabled::text, ',' ORDER BY t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname LIKE 'tidemark%'))) AS shape
    FROM pg_class c WHERE c.oid = ANY ('{${tables.map(({ oid }) => oid).join(",")}}')`;
}

/** The newest rows by key, oldest of them last; fetched in chunks until the channel is full. */
export function copyStatement(table: Table, cursor: string, rowsMax: number): string {
  const order = table.key.map(({ name }) => `t.${ident(name)} DESC`).join(", ");
  return `DECLARE ${cursor} NO SCROLL CURSOR FOR SELECT ${rowJson(table, "t")} AS row FROM ${from(table)} t ORDER BY ${order} LIMIT ${rowsMax}`;
}

export function countStatement(table: Table): string {
  return `SELECT count(*)::text AS rows FROM ${from(table)}`;
}

/** Takes a row for the transaction and tells what it is, and which transaction wrote it last. */
export function lockStatement(table: Table): string {
  return `SELECT ${rowJson(table, "t")} AS row, t.xmin::text AS last, pg_current_xact_id()::text AS xid FROM ${from(table)} t
    WHERE ${table.key.map(({ name, sqlType }, index) => `t.${ident(name)} = $${index + 1}::text::${sqlType}`).join(" AND ")} FOR UPDATE`;
}

/** The transactions that wrote a key after a position: the key's parts, then `xmax` and the transactions in progress then. */
export function writesSinceStatement({ oid, key }: Table): string {
  const parts = key.map(({ sqlType }, index) => `$${index + 1}::text::${sqlType}`).join(", ");
  const [xmax, inProgress] = [key.length + 1, key.length + 2];
  return `SELECT DISTINCT xid::text AS write FROM tidemark.outbox WHERE (xid >= $${xmax}::text::xid8 OR xid = ANY ($${inProgress}::text::xid8[])) AND tab = ${oid} AND (key IS NULL OR key = jsonb_build_array(${parts}))`;
}

/** A row from its text, which is kept where it is what would be made of it again. */
export function keyedRow(text: string, table: Table): KeyedRow {
  const row = JSON.parse(text) as Row;
  return { key: keyText(row, table), row, ...(table.isTextExact && { json: text }) };
}

function keyText(row: Row, table: Table): string {
  const key = keyOf(row, table.key.map(({ name }) => name));
  assert(key !== undefined, `a row of ${table.channel} has its key`);
  return key;
}

/** Children of an inheriting table have triggers of their own or none, so their rows are not ours. */
function from(table: Table): string {
  return `${table.isPartitioned ? "" : "ONLY "}${qualified(table)}`;
}

/** The row as JSON text; null where the outer join found none. */
function rowJson(table: Table, alias: string): string {
  const columns = table.columns.map(({ name, expression }) => `${expression.replaceAll("$", () => `${alias}.${ident(name)}`)} AS ${ident(name)}`);
  const first = table.key[0];
  assert(first !== undefined, "a table has a key");
  return `CASE WHEN ${alias}.${ident(first.name)} IS NOT NULL THEN (SELECT row_to_json(r.*) FROM (SELECT ${columns.join(", ")}) AS r)::text END`;
}

/** The captured key in the same form as the row's own, so that both give the same text. */
function keyJson(table: Table): string {
  const columns = table.key.map((column, index) => `${column.expression.replaceAll("$", () => keyPart(column, index))} AS ${ident(column.name)}`);
  return `CASE WHEN c.key IS NOT NULL THEN (SELECT row_to_json(k.*) FROM (SELECT ${columns.join(", ")}) AS k)::text END`;
}

function keyPart({ sqlType }: TableColumn, index: number): string {
  return `(c.key ->> ${index})::${sqlType}`;
}
