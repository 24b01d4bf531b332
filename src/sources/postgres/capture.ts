/**
 * The function and the triggers that capture one table's changes. They write which key changed,
 * never the row: the reader fetches rows as of its own snapshot, so the order in which triggers
 * fire does not matter, and wide rows cost writers nothing.
 *
 * The function runs with the server's rights on values of users' types. So it converts them to
 * text by their output functions, which only a superuser can define, and never by casts, which
 * anyone can. It never makes the application's write fail: where it can't read a key, it asks for
 * a copy of the table.
 */
import { NOTIFY_CHANNEL } from "./schema.ts";
import { ident } from "./sql.ts";
import { qualified, type Table } from "./tables.ts";

export function captureName({ oid }: Pick<Table, "oid">): string {
  return `tidemark.capture_${oid}`;
}

export function captureStatements(table: Table): readonly string[] {
  const functionName = `${captureName(table)}()`;
  const target = qualified(table);
  // The triggers' names have the table's oid: a table that becomes a partition gets its parent's
  // triggers in addition to its own.
  const rows = `tidemark_rows_${table.oid}`;
  const truncate = `tidemark_truncate_${table.oid}`;
  return [
    captureFunction(table),
    `REVOKE ALL ON FUNCTION ${functionName} FROM PUBLIC`,
    `DROP TRIGGER IF EXISTS ${rows} ON ${target}`,
    `DROP TRIGGER IF EXISTS ${truncate} ON ${target}`,
    `CREATE TRIGGER ${rows} AFTER INSERT OR UPDATE OR DELETE ON ${target} FOR EACH ROW EXECUTE FUNCTION ${functionName}`,
    `CREATE TRIGGER ${truncate} AFTER TRUNCATE ON ${target} FOR EACH STATEMENT EXECUTE FUNCTION ${functionName}`,
    // Makes the triggers fire for replicated changes too. Only the owner may do this. It applies to
    // all partitions, also later ones.
    ...(table.isOwned
      ? [
          `ALTER TABLE ${target} ENABLE ALWAYS TRIGGER ${rows}`,
          `ALTER TABLE ${target} ENABLE ALWAYS TRIGGER ${truncate}`,
        ]
      : []),
  ];
}

/** Makes a capture function do nothing. */
export function releaseStatement(name: string): string {
  return `CREATE OR REPLACE FUNCTION tidemark.${ident(name)}() RETURNS trigger LANGUAGE plpgsql AS $released$ BEGIN RETURN NULL; END $released$`;
}

/** The text of a key must not depend on the writer's settings. */
const SETTINGS =
  " SET TimeZone = 'UTC' SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1";

function captureFunction(table: Table): string {
  const { oid, key } = table;
  const keyOf = (row: "OLD" | "NEW"): string =>
    `jsonb_build_array(${key.map(({ name }) => `format('%s', ${row}.${ident(name)})`).join(", ")})`;
  const insert = (...rows: string[]): string =>
    `INSERT INTO tidemark.outbox (xid, tab, key, delta) VALUES ${rows.map((row) => `(pg_current_xact_id(), ${oid}, ${row})`).join(", ")};`;
  let tag = "$capture$";
  while (key.some(({ name }) => name.includes(tag))) tag = tag.replace("$c", "$cc");
  return `CREATE OR REPLACE FUNCTION ${captureName(table)}() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp${key.every(({ isPlainKey }) => isPlainKey) ? "" : SETTINGS} AS ${tag}
DECLARE lease bigint; was jsonb; now_is jsonb;
BEGIN
  lease := pg_sequence_last_value('tidemark.lease'::regclass);
  IF lease IS NULL OR (lease >> 1) < date_part('epoch', clock_timestamp()) THEN RETURN NULL; END IF;
  IF TG_LEVEL = 'ROW' THEN
    BEGIN
      IF TG_OP <> 'INSERT' THEN was := ${keyOf("OLD")}; END IF;
      IF TG_OP <> 'DELETE' THEN now_is := ${keyOf("NEW")}; END IF;
    EXCEPTION WHEN OTHERS THEN
      was := NULL; now_is := NULL;
    END;
  END IF;
  IF was = now_is THEN
    ${insert("now_is, 0")}
  ELSIF was IS NOT NULL AND now_is IS NOT NULL THEN
    ${insert("was, -1", "now_is, 1")}
  ELSIF now_is IS NOT NULL THEN
    ${insert("now_is, 1")}
  ELSIF was IS NOT NULL THEN
    ${insert("was, -1")}
  ELSE
    ${insert("NULL, 0")}
  END IF;
  IF lease & 1 = 1 THEN PERFORM pg_notify('${NOTIFY_CHANNEL}', ''); END IF;
  RETURN NULL;
END ${tag}`;
}
