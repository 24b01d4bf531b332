/** The SQL that reads: one prepared statement that answers "what changed since my position", and the copy. */
import { assert } from "../../std/assert.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import { asText, ident, type SqlRow } from "./sql.ts";
import { qualified, type Table, type TableColumn } from "./tables.ts";

/** A `pg_snapshot`: which transactions are behind us. Ordered by nothing but visibility. */
export interface Position {
  readonly text: string;
  readonly xmax: string;
  readonly inProgress: readonly string[];
}

/** `xmin:xmax:xip,…` as Postgres writes it. */
export function parsePosition(text: string): Position {
  const [, xmax, inProgress = ""] = text.split(":");
  assert(xmax !== undefined && /^\d+$/.test(xmax), `"${text}" is a snapshot`);
  return { text, xmax, inProgress: inProgress === "" ? [] : inProgress.split(",") };
}

/** What one read says about the server and the moment of reading. */
export interface ReadHeader {
  readonly snapshot: string;
  readonly nowSeconds: number;
  /** Changes when the server was restarted: the outbox may have been emptied. */
  readonly startedAt: string;
}

export interface ReadChange {
  readonly table: Table;
  /** Undefined for TRUNCATE. */
  readonly key: string | undefined;
  /** Rows gained or lost in the table. */
  readonly delta: number;
  /** The row as of the read, or undefined when there is none. */
  readonly row: Row | undefined;
}

const PREPARED = "tidemark_read";

const HEADER = `json_build_object('snapshot', pg_current_snapshot()::text,
  'nowSeconds', extract(epoch FROM clock_timestamp()), 'startedAt', pg_postmaster_start_time()::text)`;

/**
 * Prepares the read. Its snapshot is that of one statement, so changes and rows are as of the same
 * moment. Rows newer than the position and rows of transactions that were then in progress are two
 * index ranges; what lies between is never looked at, however long a transaction stays open.
 */
export function prepareStatement(tables: readonly Table[], limit: number): string {
  const branches = tables.map(
    (table) => `
    SELECT c.tab, ${keyJson(table)} AS key, c.delta, ${rowJson(table, "t")} AS row
      FROM changed c LEFT JOIN ${from(table)} t ON ${table.key.map((column, index) => `t.${ident(column.name)} = ${keyPart(column, index)}`).join(" AND ")}
     WHERE c.tab = ${table.oid}`,
  );
  return `PREPARE ${PREPARED} (xid8, xid8[]) AS
  WITH changed AS MATERIALIZED (
    SELECT tab, key, sum(delta)::int AS delta
      FROM (SELECT tab, key, delta FROM tidemark.outbox WHERE xid >= $1
            UNION ALL
            SELECT tab, key, delta FROM tidemark.outbox WHERE xid = ANY ($2)) AS outbox
     GROUP BY tab, key LIMIT ${limit}
  )
  SELECT NULL::bigint AS tab, NULL::text AS key, 0 AS delta, ${HEADER}::text AS row
  UNION ALL ${branches.join("\n  UNION ALL ")}`;
}

/** A shared connection may carry the statement of an earlier reader. */
export const DEALLOCATE_STATEMENT = "DEALLOCATE ALL";

export function readStatement({ xmax, inProgress }: Position): string {
  return `EXECUTE ${PREPARED} ('${xmax}', '{${inProgress.join(",")}}')`;
}

/** Splits a read's result. Changes of tables that are not ours are passed over. */
export function parseRead(rows: readonly SqlRow[], tables: ReadonlyMap<number, Table>): { header: ReadHeader; changes: readonly ReadChange[] } {
  let header: ReadHeader | undefined;
  const changes: ReadChange[] = [];
  for (const { tab, key, delta, row } of rows) {
    if (tab === null) {
      header = JSON.parse(asText(row)) as ReadHeader;
      continue;
    }
    const table = tables.get(Number(tab));
    if (table === undefined) continue;
    changes.push({
      table,
      key: key === null ? undefined : keyText(JSON.parse(asText(key)) as Row, table),
      delta: Number(delta),
      row: row === null ? undefined : (JSON.parse(asText(row)) as Row),
    });
  }
  assert(header !== undefined, "a read has a header");
  return { header, changes };
}

export const HEADER_STATEMENT = `SELECT ${HEADER}::text AS header`;

/** The newest rows by key, oldest of them last; fetched in chunks until the channel is full. */
export function copyStatement(table: Table, cursor: string, rowsMax: number): string {
  const order = table.key.map(({ name }) => `t.${ident(name)} DESC`).join(", ");
  return `DECLARE ${cursor} NO SCROLL CURSOR FOR SELECT ${rowJson(table, "t")} AS row FROM ${from(table)} t ORDER BY ${order} LIMIT ${rowsMax}`;
}

export function countStatement(table: Table): string {
  return `SELECT count(*)::text AS rows FROM ${from(table)}`;
}

export function keyText(row: Row, table: Table): string {
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
  const columns = table.columns.map(({ name, expression }) => `${expression.replace("$", () => `${alias}.${ident(name)}`)} AS ${ident(name)}`);
  const first = table.key[0];
  assert(first !== undefined, "a table has a key");
  return `CASE WHEN ${alias}.${ident(first.name)} IS NOT NULL THEN (SELECT row_to_json(r.*) FROM (SELECT ${columns.join(", ")}) AS r)::text END`;
}

/** The captured key in the same form as the row's own, so that both give the same text. */
function keyJson(table: Table): string {
  const columns = table.key.map((column, index) => `${column.expression.replace("$", () => keyPart(column, index))} AS ${ident(column.name)}`);
  return `CASE WHEN c.key IS NOT NULL THEN (SELECT row_to_json(k.*) FROM (SELECT ${columns.join(", ")}) AS k)::text END`;
}

function keyPart({ sqlType }: TableColumn, index: number): string {
  return `(c.key ->> ${index})::${sqlType}`;
}
