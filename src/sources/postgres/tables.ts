/** Finds tables, their columns and keys, and decides which can be live and under what name. */
import { TidemarkError } from "../../std/errors.ts";
import type { ColumnType } from "../../protocol/column.ts";
import { asText, ident, type SqlRow, type SqlSession } from "./sql.ts";

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Postgres's own name of the type, for messages; of a domain, what it is made of, so that its checks are not ours to run. */
  readonly sqlType: string;
  /** How a value is selected so that JSON keeps it whole; `$` stands for it. */
  readonly expression: string;
  /** The column's type. A value of another, which the column has got since, is not selected: its cast might be anyone's. */
  readonly typeOid: number;
  /** How the value is made of its text again, for a key to be looked up; `$` stands for the text. */
  readonly fromText: string;
  /** Whether its text is the same whatever the session's settings. */
  readonly isPlainKey: boolean;
  /** Why it can't be part of a key; undefined where it can. */
  readonly keyRefusal: string | undefined;
  /** A type of somebody's own making, whose labels and casts may change. */
  readonly ownTypeOid: number | undefined;
  /** Of a length that its type does not bound: how its size is told, in bytes, without reading it; `$` stands for the column. */
  readonly size: string | undefined;
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
  /** Some column may nest. */
  readonly hasJson: boolean;
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

/** The owners of a table and its partitions who are neither we nor a superuser. */
const STRANGERS = `(WITH RECURSIVE tree AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid WHERE c.relkind = 'p')
  SELECT json_agg(DISTINCT o.rolname) FROM tree JOIN pg_class r ON r.oid = tree.oid JOIN pg_roles o ON o.oid = r.relowner
   WHERE o.rolname <> current_user AND NOT o.rolsuper)`;

/** What a type is made of: a domain's base, however deep. */
const BASE = `(WITH RECURSIVE base AS (SELECT t.oid, a.atttypmod AS typmod, 0 AS depth UNION ALL
    SELECT d.typbasetype, CASE WHEN base.typmod >= 0 THEN base.typmod ELSE d.typtypmod END, base.depth + 1 FROM base JOIN pg_type d ON d.oid = base.oid WHERE d.typtype = 'd')
  SELECT base.oid, base.typmod FROM base ORDER BY depth DESC LIMIT 1)`;

const TABLES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
         row_security_active(c.oid)::text AS hides_rows,
         has_table_privilege(c.oid, 'SELECT')::text AS can_select,
         has_table_privilege(c.oid, 'TRIGGER')::text AS can_trigger,
         pg_has_role(c.relowner, 'USAGE')::text AS is_owned,
         current_user::text AS role, ${STRANGERS}::text AS strangers,
         (SELECT json_agg(json_build_object(
                   'name', a.attname, 'type_oid', a.atttypid::bigint, 'number', a.attnum, 'sql_type', format_type(b.oid, base.typmod), 'oid', b.oid::bigint,
                   'is_builtin', b.typnamespace = 'pg_catalog'::regnamespace, 'base', b.typname, 'kind', b.typtype,
                   'is_of_superuser', (SELECT rolsuper FROM pg_roles WHERE pg_roles.oid = b.typowner),
                   'has_casts', EXISTS (SELECT FROM pg_cast k WHERE b.oid IN (k.castsource, k.casttarget)),
                   'element', element.typname, 'element_oid', element.oid::bigint, 'is_element_builtin', element.typnamespace = 'pg_catalog'::regnamespace,
                   'length', b.typlen, 'typmod', base.typmod) ORDER BY a.attnum)
            FROM pg_attribute a
            JOIN pg_type t ON t.oid = a.atttypid
            CROSS JOIN LATERAL ${BASE} AS base
            JOIN pg_type b ON b.oid = base.oid
            LEFT JOIN pg_type element ON element.oid = b.typelem AND b.typcategory = 'A'
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
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') AND n.nspname NOT LIKE 'pg\\_%'`;

const KINDS: Readonly<Record<string, string>> = {
  v: "a view",
  m: "a materialized view",
  f: "a foreign table",
};

export interface FindOptions {
  /** `table` or `schema.table`. Default: all. */
  readonly wanted?: readonly string[] | undefined;
  /** Only these, by their numbers. */
  readonly oids?: readonly number[];
  /** Roles whose tables are served although their code then runs with our rights. */
  readonly trustedOwners?: readonly string[] | undefined;
}

/**
 * All tables that can be live, or the named ones. Tables that can't be are returned with a reason; a named
 * one that can't be is an error.
 * @throws TidemarkError `TABLE_REFUSED`, `MISSING_GRANT`
 */
export async function findTables(
  session: SqlSession,
  { wanted, oids, trustedOwners = [] }: FindOptions,
): Promise<Found> {
  const rows = await session.query(
    `${TABLES} ${oids === undefined ? "" : `AND c.oid = ANY ('{${oids.join(",")}}')`} ORDER BY n.nspname, c.relname`,
  );
  const chosen =
    wanted === undefined
      ? rows.filter(({ kind }) => kind === "r" || kind === "p")
      : wanted.map((name) => pick(rows, name));
  const tables: Table[] = [];
  const refused: Refused[] = [];
  for (const row of chosen) {
    const result = examine(row, trustedOwners);
    if ("oid" in result) tables.push(result);
    else if (wanted !== undefined)
      throw new TidemarkError(result.code, `Table ${result.table} can't be live: ${result.reason}`);
    else refused.push(result);
  }
  return { tables, refused };
}

/** A bare name is that of one table alone: what somebody makes later under it in another schema is not meant. */
function pick(rows: readonly SqlRow[], wanted: string): SqlRow {
  const matches = rows.filter((row) => {
    const [schema, name] = [asText(row["schema"]), asText(row["name"])];
    return (
      wanted === channelName(schema, name) ||
      wanted === `${part(schema)}.${part(name)}` ||
      (wanted === name && !wanted.includes("."))
    );
  });
  const [match, another] = matches;
  if (match !== undefined && another === undefined) return match;
  const names = (some: readonly SqlRow[]): string =>
    some
      .slice(0, 20)
      .map(({ schema, name }) => `${part(asText(schema))}.${part(asText(name))}`)
      .join(", ") || "none";
  if (match === undefined)
    throw new TidemarkError(
      "TABLE_REFUSED",
      `There is no table "${wanted}". The database has ${names(rows)}.`,
    );
  throw new TidemarkError(
    "TABLE_REFUSED",
    `"${wanted}" may be any of ${names(matches)}. Name the one that you mean with its schema.`,
  );
}

function channelName(schema: string, name: string): string {
  return schema === "public" ? part(name) : `${part(schema)}.${part(name)}`;
}

/** One with a dot is quoted, so that no table takes the name of another's channel. */
function part(name: string): string {
  return name.includes(".") ? ident(name) : name;
}

interface CatalogColumn {
  readonly name: string;
  readonly number: number;
  readonly sql_type: string;
  readonly type_oid: number;
  /** Of what it is made of. */
  readonly oid: number;
  readonly base: string;
  readonly kind: string;
  readonly is_builtin: boolean;
  readonly is_of_superuser: boolean;
  readonly has_casts: boolean;
  readonly element: string | null;
  readonly element_oid: number | null;
  readonly is_element_builtin: boolean | null;
  readonly length: number;
  readonly typmod: number;
}

function examine(row: SqlRow, trustedOwners: readonly string[]): Table | Refused {
  const schema = asText(row["schema"]);
  const name = asText(row["name"]);
  const channel = channelName(schema, name);
  const refuse = (reason: string, code: Refused["code"] = "TABLE_REFUSED"): Refused => ({
    table: channel,
    code,
    reason,
  });
  const kind = KINDS[asText(row["kind"])];
  if (kind !== undefined)
    return refuse(`it is ${kind}, which has no row triggers. Name the tables behind it.`);
  const strangers =
    (JSON.parse(asText(row["strangers"] ?? "null")) as readonly string[] | null) ?? [];
  const stranger = strangers.find((owner) => !trustedOwners.includes(owner));
  if (stranger !== undefined) {
    const role = asText(row["role"]);
    return refuse(
      `it belongs to role ${stranger}, whose functions in indexes, statistics and partitions Postgres runs with the rights of ${role} whenever it is read. If ${stranger} may do what ${role} may, say so: trustedOwners: ["${stranger}"] (--trust-owner ${stranger}); else connect as a role that may do no more than read it.`,
    );
  }
  const missing = [
    row["can_select"] !== "true" && "SELECT",
    row["can_trigger"] !== "true" && "TRIGGER",
  ].filter(Boolean);
  if (missing.length > 0) {
    const grants = missing.join(", ");
    const role = asText(row["role"]);
    return refuse(
      `role ${role} lacks ${grants}. Run: GRANT ${grants} ON ${qualified({ schema, name })} TO ${ident(role)};`,
      "MISSING_GRANT",
    );
  }
  if (row["hides_rows"] === "true") {
    return refuse(
      "row level security hides rows from this role. Use a role that owns the table or has BYPASSRLS, and restrict clients with a policy.",
    );
  }
  const catalog = JSON.parse(asText(row["columns"] ?? "[]")) as readonly CatalogColumn[];
  if (row["key"] == null) {
    return refuse(
      "it has no primary key and no unique index over NOT NULL columns, so its rows can't be told apart. Add one, for instance ALTER TABLE … ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY.",
    );
  }
  const numbers = JSON.parse(asText(row["key"])) as readonly number[];
  const columns = catalog.map(columnOf);
  const key = numbers.map(
    (number) => columns[catalog.findIndex((column) => column.number === number)] as TableColumn,
  );
  const opaque = key.find(({ keyRefusal }) => keyRefusal !== undefined);
  if (opaque !== undefined)
    return refuse(
      `its key column "${opaque.name}" is ${opaque.sqlType}, ${opaque.keyRefusal}. Add a key of scalar columns.`,
    );
  return {
    oid: Number(row["oid"]),
    schema,
    name,
    channel,
    columns,
    key,
    isPartitioned: row["kind"] === "p",
    isOwned: row["is_owned"] === "true",
    hasJson: columns.some(({ type }) => type === "json"),
    isTextExact: columns.every(
      ({ name: column, type }) => EXACT_TYPES.has(type) && !/^\d/.test(column),
    ),
  };
}

/** Floats are spelled otherwise, JSON keeps its spaces; names that are numbers come first in an object. */
const EXACT_TYPES: ReadonlySet<ColumnType> = new Set<ColumnType>([
  "boolean",
  "integer",
  "bigint",
  "numeric",
  "text",
  "timestamp",
  "date",
]);

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
const PLAIN_KEYS = new Set([
  "bool",
  "int2",
  "int4",
  "int8",
  "oid",
  "numeric",
  "text",
  "varchar",
  "bpchar",
  "name",
  "uuid",
]);
/** `money` is not among them: its text depends on a setting that a server need not have. */
const OTHER_KEYS = new Set([
  "date",
  "timestamp",
  "timestamptz",
  "float4",
  "float8",
  "time",
  "timetz",
  "interval",
  "bytea",
  "inet",
  "cidr",
  "macaddr",
  "macaddr8",
  "bit",
  "varbit",
  "pg_lsn",
]);
const TEXTS = new Set(["text", "varchar", "bpchar", "bytea"]);

function columnOf(column: CatalogColumn): TableColumn {
  const { name, sql_type: sqlType, base, kind, element, is_builtin: isBuiltin } = column;
  const isEnum = !isBuiltin && kind === "e";
  const common = {
    name,
    sqlType,
    typeOid: column.type_oid,
    isPlainKey: isEnum || isCitext(column) || (isBuiltin && PLAIN_KEYS.has(base)),
    keyRefusal: keyRefusalOf(column),
    ownTypeOid: isEnum
      ? column.oid
      : element !== null && column.is_element_builtin === false
        ? (column.element_oid ?? undefined)
        : undefined,
    // An enum's labels are compared as texts: a cast that somebody made for it is not used, and one that is gone is found nowhere.
    fromText: isEnum
      ? `(SELECT label FROM unnest(enum_range(NULL::${sqlType})) AS label WHERE format('%s', label) = $)`
      : `($)::${sqlType}`,
    size: sizeOf(column),
  };
  if (element !== null) {
    const keepsWhole =
      column.is_element_builtin === true &&
      (element in PLAIN || element === "text" || element === "varchar");
    if (column.is_element_builtin !== true)
      return {
        ...common,
        type: "json",
        expression: `CASE WHEN $ IS DISTINCT FROM NULL THEN format('%s', $)::text[] END`,
      };
    return { ...common, type: "json", expression: keepsWhole ? "$" : "$::text[]" };
  }
  const plain = isBuiltin ? PLAIN[base] : undefined;
  if (plain !== undefined) return { ...common, type: plain, expression: "$" };
  const type = isBuiltin ? (AS_TEXT[base] ?? "text") : "text";
  return { ...common, type, expression: isBuiltin ? "$::text" : OUTPUT };
}

/** Looked up and compared with Postgres's own functions alone; an enum has labels, which are as good. */
function keyRefusalOf(column: CatalogColumn): string | undefined {
  const { base, kind, element, is_builtin: isBuiltin, has_casts: hasCasts } = column;
  const unfit = "which can't identify a row";
  if (element !== null) return unfit;
  if (isBuiltin)
    return PLAIN_KEYS.has(base) || OTHER_KEYS.has(base) || kind === "r" ? undefined : unfit;
  if (isCitext(column)) return undefined;
  if (kind !== "e") return unfit;
  return hasCasts
    ? "for which somebody made a cast, which Postgres would run with our rights to look it up"
    : undefined;
}

/** The extension's, which only a superuser can make. */
function isCitext({ base, is_of_superuser: isOfSuperuser }: CatalogColumn): boolean {
  return base === "citext" && isOfSuperuser;
}

/** Texts tell their length; what is stored compressed tells the size that it has so. */
function sizeOf({
  base,
  is_builtin: isBuiltin,
  length,
  typmod,
}: CatalogColumn): string | undefined {
  if (length > 0 || (isBuiltin && (base === "numeric" || typmod >= 0))) return undefined;
  return isBuiltin && TEXTS.has(base) ? "octet_length($)" : "pg_column_size($)";
}

/** A foreign type's own text, never through a cast that someone made for it. */
const OUTPUT = "CASE WHEN $ IS DISTINCT FROM NULL THEN format('%s', $) END";
