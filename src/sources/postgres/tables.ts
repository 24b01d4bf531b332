/** Finds tables, and decides which can be live and under what name. */
import { TidemarkError } from "../../std/errors.ts";
import { TABLES } from "./catalog.ts";
import { columnOf, EXACT_TYPES, type CatalogColumn, type TableColumn } from "./columns.ts";
import { asText, ident, literal, type SqlQueries, type SqlRow } from "./sql.ts";

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
  /** Whether Postgres and `JSON.stringify` write a row as the same text. */
  readonly isTextExact: boolean;
  /** Whether a column's values may nest. */
  readonly hasJson: boolean;
}

export interface RefusedTable {
  readonly table: string;
  readonly code: "TABLE_REFUSED" | "MISSING_GRANT";
  readonly reason: string;
}

export interface Found {
  readonly tables: readonly Table[];
  readonly refused: readonly RefusedTable[];
}

/** `schema.table`, quoted. */
export function qualified({ schema, name }: Pick<Table, "schema" | "name">): string {
  return `${ident(schema)}.${ident(name)}`;
}

const KINDS: Readonly<Record<string, string>> = {
  v: "a view",
  m: "a materialized view",
  f: "a foreign table",
};

export interface FindOptions {
  /** `table` or `schema.table`. Default: all. */
  readonly wanted?: readonly string[] | undefined;
  /** Only tables with these oids. */
  readonly oids?: readonly number[];
  /** Only tables of this schema. */
  readonly schema?: string | undefined;
  /**
   * Roles whose tables are served although Postgres then runs their functions with the connecting
   * role's rights.
   */
  readonly trustedOwners?: readonly string[] | undefined;
  /**
   * Whether the role must have the rights that serving takes. Default true; without, tables are
   * only described.
   */
  readonly isServing?: boolean;
}

/**
 * All tables that can be live, or the named ones. A table that can't be is returned with a reason;
 * a named one that can't be is an error.
 * @throws TidemarkError `TABLE_REFUSED`, `MISSING_GRANT`
 */
export async function findTables(
  session: SqlQueries,
  { wanted, oids, schema, trustedOwners = [], isServing = true }: FindOptions,
): Promise<Found> {
  const only = [
    oids !== undefined && `AND c.oid = ANY ('{${oids.join(",")}}')`,
    schema !== undefined && `AND n.nspname = ${literal(schema)}`,
  ].filter((condition) => condition !== false);
  const rows = await session.query(`${TABLES} ${only.join(" ")} ORDER BY n.nspname, c.relname`);
  const chosen =
    wanted === undefined
      ? rows.filter(({ kind }) => kind === "r" || kind === "p")
      : [...new Set(wanted.map((name) => pick(rows, name)))];
  const tables: Table[] = [];
  const refused: RefusedTable[] = [];
  for (const row of chosen) {
    const result = (isServing ? refusalOf(row, trustedOwners) : undefined) ?? describe(row);
    if ("oid" in result) tables.push(result);
    else if (wanted !== undefined)
      throw new TidemarkError(result.code, `Table ${result.table} can't be live: ${result.reason}`);
    else refused.push(result);
  }
  return { tables, refused };
}

/**
 * A bare name must match exactly one table; a table that is made later in another schema is
 * ignored.
 */
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

/** A name with a dot is quoted, so that no table's channel can have the name of another's. */
function part(name: string): string {
  return name.includes(".") ? ident(name) : name;
}

function nameOf(row: SqlRow): {
  readonly schema: string;
  readonly name: string;
  readonly channel: string;
} {
  const [schema, name] = [asText(row["schema"]), asText(row["name"])];
  return { schema, name, channel: channelName(schema, name) };
}

/** Why the connecting role may not, or should not, serve a table. */
function refusalOf(row: SqlRow, trustedOwners: readonly string[]): RefusedTable | undefined {
  const { channel, ...target } = nameOf(row);
  const role = asText(row["role"]);
  const refuse = (reason: string, code: RefusedTable["code"] = "TABLE_REFUSED"): RefusedTable => ({
    table: channel,
    code,
    reason,
  });
  // Relations that are no tables are refused as such, whatever the rights.
  if (KINDS[asText(row["kind"])] !== undefined) return undefined;
  const strangers =
    (JSON.parse(asText(row["strangers"] ?? "null")) as readonly string[] | null) ?? [];
  const stranger = strangers.find((owner) => !trustedOwners.includes(owner));
  if (stranger !== undefined)
    return refuse(
      `it belongs to role ${stranger}, whose functions in indexes, statistics and partitions Postgres runs with the rights of ${role} whenever it is read. If ${stranger} may do what ${role} may, say so: trustedOwners: ["${stranger}"] (--trust-owner ${stranger}); else connect as a role that may do no more than read it.`,
    );
  const missing = [
    row["can_select"] !== "true" && "SELECT",
    row["can_trigger"] !== "true" && "TRIGGER",
  ].filter(Boolean);
  if (missing.length > 0) {
    const grants = missing.join(", ");
    return refuse(
      `role ${role} lacks ${grants}. Run: GRANT ${grants} ON ${qualified(target)} TO ${ident(role)};`,
      "MISSING_GRANT",
    );
  }
  if (row["hides_rows"] !== "true") return undefined;
  return refuse(
    "row level security hides rows from this role. Use a role that owns the table or has BYPASSRLS, and restrict clients with a policy.",
  );
}

/** The table's description, or why such a table can't be live, whatever the rights. */
function describe(row: SqlRow): Table | RefusedTable {
  const { schema, name, channel } = nameOf(row);
  const refuse = (reason: string): RefusedTable => ({
    table: channel,
    code: "TABLE_REFUSED",
    reason,
  });
  const kind = KINDS[asText(row["kind"])];
  if (kind !== undefined)
    return refuse(`it is ${kind}, which has no row triggers. Name the tables behind it.`);
  if (row["key"] == null)
    return refuse(
      "it has no primary key and no unique index over NOT NULL columns, so its rows can't be told apart. Add one, for instance ALTER TABLE … ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY.",
    );
  const catalog = JSON.parse(asText(row["columns"] ?? "[]")) as readonly CatalogColumn[];
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
    // JavaScript objects put numeric names first.
    isTextExact: columns.every(
      ({ name: column, type }) => EXACT_TYPES.has(type) && !/^\d/.test(column),
    ),
  };
}
