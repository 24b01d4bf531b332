/** Finds tables, their columns and keys, and decides which can be live and under what name. */
import { TidemarkError } from "../../std/errors.ts";
import type { ColumnType } from "../../protocol/column.ts";
import { asText, ident, type SqlRow, type SqlSession } from "./sql.ts";

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Postgres's own name of the type, for casts; of a domain, what it is made of, so that its checks are not ours to run. */
  readonly sqlType: string;
  /** How the value is selected so that JSON keeps it whole; `$` stands for the column. */
  readonly expression: string;
  /** Whether its values are told apart by a value's text whatever the session's settings. */
  readonly isPlainKey: boolean;
  /** Whether it can be part of a key at all. */
  readonly canBeKey: boolean;
}

export interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `name` in schema public, else `schema.name`. */
  readonly channel: string;
  readonly columns: readonly TableColumn[];
  readonly key: readonly TableColumn[];
  readonly isPartitioned: boolean;
  readonly isOwned: boolean;
  /** The text that Postgres makes of a row is the very text that `JSON.stringify` makes of what it says. */
  readonly isTextExact: boolean;
}

export interface Refused {
  readonly table: string;
  readonly code: "TABLE_REFUSED" | "MISSING_GRANT";
  readonly reason: string;
}

export interface Found {
  readonly tables: readonly Table[];
  readonly refused: readonly Refused[];
}

/** `schema.table`, quoted. */
export function qualified({ schema, name }: Pick<Table, "schema" | "name">): string {
  return `${ident(schema)}.${ident(name)}`;
}

const TABLES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
         row_security_active(c.oid)::text AS hides_rows,
         has_table_privilege(c.oid, 'SELECT')::text AS can_select,
         has_table_privilege(c.oid, 'TRIGGER')::text AS can_trigger,
         pg_has_role(c.relowner, 'USAGE')::text AS is_owned,
         current_user::text AS role,
         (SELECT json_agg(json_build_object(
                   'name', a.attname, 'number', a.attnum, 'sql_type', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END,
                   'is_builtin', COALESCE(base.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace,
                   'base', COALESCE(base.typname, t.typname), 'kind', COALESCE(base.typtype, t.typtype),
                   'element', element.typname, 'not_null', a.attnotnull) ORDER BY a.attnum)
            FROM pg_attribute a
            JOIN pg_type t ON t.oid = a.atttypid
            LEFT JOIN pg_type base ON base.oid = t.typbasetype AND t.typtype = 'd'
            LEFT JOIN pg_type element ON element.oid = COALESCE(base.typelem, t.typelem)
                                     AND COALESCE(base.typcategory, t.typcategory) = 'A'
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns,
         array_to_json(k.columns)::text AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS columns
        FROM pg_index i
       WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
         AND i.indpred IS NULL AND i.indexprs IS NULL
         AND NOT EXISTS (SELECT 1 FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS part(number)
                          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
                         WHERE NOT a.attnotnull)
       ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS k ON true
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') AND n.nspname NOT LIKE 'pg\\_%'
   ORDER BY n.nspname, c.relname`;

const KINDS: Readonly<Record<string, string>> = { v: "a view", m: "a materialized view", f: "a foreign table" };

/**
 * All tables that can be live, or the named ones (`table`, `schema.table`). Tables that can't be
 * are returned with a reason; a named one that can't be is an error.
 * @throws TidemarkError `TABLE_REFUSED`, `MISSING_GRANT`
 */
export async function findTables(session: SqlSession, wanted: readonly string[] | undefined): Promise<Found> {
  const rows = await session.query(TABLES);
  const chosen = wanted === undefined ? rows.filter(({ kind }) => kind === "r" || kind === "p") : wanted.map((name) => pick(rows, name));
  const tables: Table[] = [];
  const refused: Refused[] = [];
  for (const row of chosen) {
    const examined = examine(row);
    const isTaken = "oid" in examined && tables.some(({ channel }) => channel === examined.channel);
    const result: Table | Refused = isTaken
      ? { table: examined.channel, code: "TABLE_REFUSED", reason: "another table's schema and name read the same. Rename one, or name the other alone." }
      : examined;
    if ("oid" in result) tables.push(result);
    else if (wanted !== undefined) throw new TidemarkError(result.code, `Table ${result.table} can't be live: ${result.reason}`);
    else refused.push(result);
  }
  return { tables, refused };
}

function pick(rows: readonly SqlRow[], wanted: string): SqlRow {
  const matches = rows.filter(({ schema, name }) => `${asText(schema)}.${asText(name)}` === wanted || name === wanted);
  const match = matches.find(({ schema }) => schema === "public") ?? matches[0];
  if (match !== undefined) return match;
  const known = rows.map(({ schema, name }) => channelName(asText(schema), asText(name))).slice(0, 20);
  throw new TidemarkError("TABLE_REFUSED", `There is no table "${wanted}". The database has ${known.join(", ") || "none"}.`);
}

function channelName(schema: string, name: string): string {
  return schema === "public" ? name : `${schema}.${name}`;
}

interface CatalogColumn {
  readonly name: string;
  readonly number: number;
  readonly sql_type: string;
  readonly base: string;
  readonly kind: string;
  readonly element: string | null;
  readonly is_builtin: boolean;
}

function examine(row: SqlRow): Table | Refused {
  const schema = asText(row["schema"]);
  const name = asText(row["name"]);
  const channel = channelName(schema, name);
  const refuse = (reason: string, code: Refused["code"] = "TABLE_REFUSED"): Refused => ({ table: channel, code, reason });
  const kind = KINDS[asText(row["kind"])];
  if (kind !== undefined) return refuse(`it is ${kind}, which has no row triggers. Name the tables behind it.`);
  const missing = [row["can_select"] !== "true" && "SELECT", row["can_trigger"] !== "true" && "TRIGGER"].filter(Boolean);
  if (missing.length > 0) {
    const grants = missing.join(", ");
    const role = asText(row["role"]);
    return refuse(`role ${role} lacks ${grants}. Run: GRANT ${grants} ON ${qualified({ schema, name })} TO ${ident(role)};`, "MISSING_GRANT");
  }
  if (row["hides_rows"] === "true") {
    return refuse("row level security hides rows from this role. Use a role that owns the table or has BYPASSRLS, and restrict clients with a policy.");
  }
  const catalog = JSON.parse(asText(row["columns"] ?? "[]")) as readonly CatalogColumn[];
  if (row["key"] == null) {
    return refuse("it has no primary key and no unique index over NOT NULL columns, so its rows can't be told apart. Add one, for instance ALTER TABLE … ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY.");
  }
  const numbers = JSON.parse(asText(row["key"])) as readonly number[];
  const columns = catalog.map(columnOf);
  const key = numbers.map((number) => columns[catalog.findIndex((column) => column.number === number)] as TableColumn);
  const opaque = key.find(({ canBeKey }) => !canBeKey);
  if (opaque !== undefined) return refuse(`its key column "${opaque.name}" is ${opaque.sqlType}, which can't identify a row. Add a key of scalar columns.`);
  return {
    oid: Number(row["oid"]),
    schema,
    name,
    channel,
    columns,
    key,
    isPartitioned: row["kind"] === "p",
    isOwned: row["is_owned"] === "true",
    isTextExact: columns.every(({ name: column, type }) => EXACT_TYPES.has(type) && !/^\d/.test(column)),
  };
}

/** Floats are spelled otherwise, JSON keeps its spaces; names that are numbers come first in an object. */
const EXACT_TYPES: ReadonlySet<ColumnType> = new Set<ColumnType>(["boolean", "integer", "bigint", "numeric", "text", "timestamp", "date"]);

/** Types whose JSON form keeps the value whole, and how they compare. */
const PLAIN: Readonly<Record<string, ColumnType>> = {
  bool: "boolean",
  int2: "integer",
  int4: "integer",
  oid: "integer",
  float4: "float",
  float8: "float",
  timestamp: "timestamp",
  timestamptz: "timestamp",
  date: "date",
  json: "json",
  jsonb: "json",
};
/** Types whose JSON form would lose digits: they travel as their text. */
const AS_TEXT: Readonly<Record<string, ColumnType>> = { int8: "bigint", numeric: "numeric" };
/** Key types whose text does not depend on a session's settings. */
const PLAIN_KEYS = new Set(["bool", "int2", "int4", "int8", "oid", "numeric", "text", "varchar", "bpchar", "name", "citext", "uuid", "date", "timestamp", "timestamptz"]);
const OTHER_KEYS = new Set(["float4", "float8", "time", "timetz", "interval", "bytea", "inet", "cidr", "macaddr", "macaddr8", "money", "bit", "varbit", "pg_lsn"]);

function columnOf({ name, sql_type: sqlType, base, kind, element, is_builtin: isBuiltin }: CatalogColumn): TableColumn {
  const isPlainKey = element === null && (PLAIN_KEYS.has(base) || kind === "e");
  const canBeKey = element === null && (isPlainKey || OTHER_KEYS.has(base) || kind === "r");
  const common = { name, sqlType, isPlainKey, canBeKey };
  if (element !== null) {
    const keepsWhole = element in PLAIN || element === "text" || element === "varchar";
    return { ...common, type: "json", expression: keepsWhole ? "$" : "$::text[]" };
  }
  const plain = isBuiltin ? PLAIN[base] : undefined;
  if (plain !== undefined) return { ...common, type: plain, expression: "$" };
  return { ...common, type: AS_TEXT[base] ?? "text", expression: isBuiltin ? "$::text" : OUTPUT };
}

/** A foreign type's own text, never through a cast that someone made for it. */
const OUTPUT = "CASE WHEN $ IS NOT NULL THEN pg_catalog.format('%s', $) END";
