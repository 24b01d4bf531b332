/**
 * How the reader treats a column: how its values are selected, their type on the wire, whether the
 * column can be part of a key.
 */
import type { ColumnType } from "../../protocol/column.ts";
import type { ColumnShape } from "./table-shape.ts";

type WireType = ColumnShape["type"];

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** The facts that the table's declarations are compared with. */
  readonly shape: ColumnShape;
  /** Of an array: the declared number of dimensions, which Postgres does not enforce. */
  readonly dimensions: number;
  /**
   * Postgres's name of the type, for messages; for a domain, that of its base type, so that the
   * reader runs none of its checks.
   */
  readonly sqlType: string;
  /** The expression that selects a value so that JSON loses nothing; `$` stands for the column. */
  readonly expression: string;
  /**
   * The column's type. If the column's type changes later, its values are not selected: anyone may
   * have made the new type's casts.
   */
  readonly typeOid: number;
  /**
   * The expression that converts a key's text back to the value, to look the key up; `$` stands for
   * the text.
   */
  readonly fromText: string;
  /** Whether the value's text is the same under any session's settings. */
  readonly isPlainKey: boolean;
  /** Why the column can't be part of a key; undefined if it can. */
  readonly keyRefusal: string | undefined;
  /** A type that a user of the database made, whose labels and casts may change. */
  readonly ownTypeOid: number | undefined;
  /**
   * Where the type does not bound the length: the expression for the size in bytes, without
   * reading the value; `$` stands for the column.
   */
  readonly size: string | undefined;
}

/** A column as the query `TABLES` returns it. */
export interface CatalogColumn {
  readonly name: string;
  readonly number: number;
  /** Of a domain, its base type; so are all fields below but `type_oid`. */
  readonly sql_type: string;
  readonly type_oid: number;
  readonly oid: number;
  readonly is_nullable: boolean;
  /** Of an enum, or of an array's elements. */
  readonly labels: readonly string[] | null;
  readonly dimensions: number;
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

/**
 * Postgres and JSON.stringify write values of these types alike. Not floats; not JSON, which keeps
 * its spaces.
 */
export const EXACT_TYPES: ReadonlySet<ColumnType> = new Set<ColumnType>([
  "boolean",
  "integer",
  "bigint",
  "numeric",
  "text",
  "timestamp",
  "date",
]);

/** Types whose JSON form keeps the value whole, and how they compare. */
const PLAIN: Readonly<Record<string, WireType>> = {
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
/** Types whose JSON form would lose digits: they are sent as text. */
const AS_TEXT: Readonly<Record<string, WireType>> = { int8: "bigint", numeric: "numeric" };
/**
 * The text of `money` has a currency sign and separators, after a setting of the session; its
 * amount compares as a number.
 */
const MONEY = { type: "numeric", expression: "$::numeric::text" } as const;
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

export function columnOf(column: CatalogColumn): TableColumn {
  const { name, sql_type: sqlType, base, kind, is_builtin: isBuiltin, dimensions } = column;
  const isEnum = !isBuiltin && kind === "e";
  const common = {
    name,
    sqlType,
    typeOid: column.type_oid,
    isPlainKey: isEnum || isCitext(column) || (isBuiltin && PLAIN_KEYS.has(base)),
    keyRefusal: keyRefusalOf(column),
    ownTypeOid: isEnum
      ? column.oid
      : column.element !== null && column.is_element_builtin === false
        ? (column.element_oid ?? undefined)
        : undefined,
    // An enum's labels are compared as texts: no user's cast runs, and a removed label matches
    // nothing.
    fromText: isEnum
      ? `(SELECT label FROM unnest(enum_range(NULL::${sqlType})) AS label WHERE format('%s', label) = $)`
      : `($)::${sqlType}`,
    size: sizeOf(column),
  };
  const { type, expression, items } = selectionOf(column);
  return { ...common, type, dimensions, expression, shape: shapeOf(column, type, items) };
}

/** How a column is selected, and the types of its values, or of an array's elements. */
function selectionOf({
  base,
  element,
  is_builtin: isBuiltin,
  is_element_builtin: isElementBuiltin,
}: CatalogColumn): { type: WireType; expression: string; items?: WireType } {
  if (element === null) {
    const plain = isBuiltin ? PLAIN[base] : undefined;
    if (plain !== undefined) return { type: plain, expression: "$" };
    if (isBuiltin && base === "money") return MONEY;
    const type = isBuiltin ? (AS_TEXT[base] ?? "text") : "text";
    return { type, expression: isBuiltin ? "$::text" : OUTPUT };
  }
  if (isElementBuiltin !== true)
    return {
      type: "json",
      items: "text",
      expression: "CASE WHEN $ IS DISTINCT FROM NULL THEN format('%s', $)::text[] END",
    };
  const plain = PLAIN[element];
  const isWhole = plain !== undefined || element === "text" || element === "varchar";
  return {
    type: "json",
    items: plain ?? AS_TEXT[element] ?? "text",
    expression: isWhole ? "$" : "$::text[]",
  };
}

function shapeOf(
  { is_nullable: isNullable, labels }: CatalogColumn,
  type: WireType,
  items: WireType | undefined,
): ColumnShape {
  return {
    type,
    ...(isNullable && { isNullable }),
    ...(labels !== null && { labels }),
    ...(items !== undefined && { items }),
  };
}

/**
 * Keys are looked up and compared by Postgres's own functions alone; an enum's labels are allowed,
 * too.
 */
function keyRefusalOf(column: CatalogColumn): string | undefined {
  const { base, kind, element, is_builtin: isBuiltin, has_casts: hasCasts } = column;
  const unfit = "which can't identify a row";
  if (element !== null) return unfit;
  if (isBuiltin)
    return PLAIN_KEYS.has(base) || OTHER_KEYS.has(base) || kind === "r" ? undefined : unfit;
  if (isCitext(column)) return undefined;
  if (kind !== "e") return unfit;
  return hasCasts
    ? "for which somebody made a cast, which Postgres would run with the server's rights to look it up"
    : undefined;
}

/** The extension's type, which only a superuser can make. */
function isCitext({ base, is_of_superuser: isOfSuperuser }: CatalogColumn): boolean {
  return base === "citext" && isOfSuperuser;
}

/** Texts tell their length; compressed values tell their compressed size. */
function sizeOf({
  base,
  is_builtin: isBuiltin,
  length,
  typmod,
}: CatalogColumn): string | undefined {
  if (length > 0 || (isBuiltin && (base === "numeric" || typmod >= 0))) return undefined;
  return isBuiltin && TEXTS.has(base) ? "octet_length($)" : "pg_column_size($)";
}

/** The text of a user's type by its output function, never by a cast, which anyone can make. */
const OUTPUT = "CASE WHEN $ IS DISTINCT FROM NULL THEN format('%s', $) END";
