/**
 * Compares a program's declarations of tables with the database, before anything is installed: a
 * declared shape with the catalog, a schema with rows. A wrong declaration stops the start, since
 * the types of its rows would be wrong.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { keyOf, OMITTED, type Row } from "../../protocol/row.ts";
import type { TableColumn } from "./columns.ts";
import { isOfStatement } from "./install.ts";
import type { PostgresLimits } from "./limits.ts";
import { readingLocally } from "./session-settings.ts";
import { asText, type SqlSession } from "./sql.ts";
import { newestRowsStatement } from "./statements.ts";
import {
  isStandardSchema,
  isTableDeclaration,
  type ColumnShape,
  type TableDeclaration,
  type TableShape,
  type TablesOption,
} from "./table-shape.ts";
import type { Table } from "./tables.ts";

/** Declarations by channel. */
export type Declarations = ReadonlyMap<string, TableDeclaration>;

/** How many rows of a table its schema has checked. */
export interface CheckedTable {
  readonly table: string;
  readonly rows: number;
}

export interface Checked {
  readonly checked: readonly CheckedTable[];
  readonly warnings: readonly string[];
}

const REMEDY =
  "To print declarations as the tables are now: npx tidemark types --postgres … > tables.ts";

/** The names of the wanted tables; undefined for all. */
export function namesIn(tables: TablesOption | undefined): readonly string[] | undefined {
  if (tables === undefined) return undefined;
  return isList(tables) ? tables : Object.keys(tables);
}

/**
 * @throws TidemarkError `BAD_OPTION` where two names mean one channel, or one declares nothing
 */
export function declarationsIn(tables: TablesOption | undefined): Declarations {
  const declarations = new Map<string, TableDeclaration>();
  if (tables === undefined || isList(tables)) return declarations;
  for (const [name, declaration] of Object.entries(tables)) {
    const channel = name.replace(/^public\./, "");
    if (declarations.has(channel))
      throw new TidemarkError("BAD_OPTION", `tables declares "${channel}" twice.`);
    if (!isTableDeclaration(declaration))
      throw new TidemarkError(
        "BAD_OPTION",
        `tables declares "${channel}" by a value that is neither a schema (Standard Schema, such as zod 3.24 or later) nor made by table().`,
      );
    declarations.set(channel, declaration);
  }
  return declarations;
}

function isList(tables: TablesOption): tables is readonly string[] {
  return Array.isArray(tables);
}

/**
 * Checks every declaration. A table that can't be read now gives a warning, and its rows are not
 * checked.
 * @throws TidemarkError `TABLE_REFUSED` with every difference
 */
export async function checkDeclarations(
  session: SqlSession,
  tables: readonly Table[],
  declarations: Declarations,
  limits: PostgresLimits,
): Promise<Checked> {
  const wrong: string[] = [];
  const checked: CheckedTable[] = [];
  const warnings: string[] = [];
  for (const [channel, declaration] of declarations) {
    const table = tables.find((each) => each.channel === channel);
    if (table === undefined) {
      wrong.push(misnamed(channel, tables));
      continue;
    }
    if (!isStandardSchema(declaration)) {
      const differences = differencesOf(table, declaration);
      if (differences.length > 0)
        wrong.push(`Table "${channel}" is not as it is declared: ${differences.join("; ")}.`);
      continue;
    }
    const rows = await newestRows(session, table, limits);
    if (typeof rows === "string") {
      warnings.push(`No rows of "${channel}" were checked by its schema: ${rows}.`);
      continue;
    }
    const why = misfit(table, declaration, rows, limits.schemaIssuesMax);
    if (why !== undefined) wrong.push(why);
    else checked.push({ table: channel, rows: rows.length });
    warnings.push(...nullWarnings(table, declaration, rows[0]));
  }
  if (wrong.length > 0) throw new TidemarkError("TABLE_REFUSED", `${wrong.join(" ")} ${REMEDY}`);
  return { checked, warnings };
}

/**
 * How a table differs from its declared shape. Further columns do not matter, and neither do
 * columns whose type has fewer values than declared.
 */
export function differencesOf(
  table: Table,
  { key, columns }: TableShape<unknown>,
): readonly string[] {
  const found = new Map(table.columns.map((column) => [column.name, column]));
  const names = table.key.map(({ name }) => name);
  const keys =
    JSON.stringify(names) === JSON.stringify(key)
      ? []
      : [`its key: expected ${key.join(", ")}, found ${names.join(", ")}`];
  const differences = Object.entries(columns).flatMap(([name, shape]) => {
    const column = found.get(name);
    const difference =
      column === undefined
        ? `expected ${wordsOf(shape)}, found no column of that name`
        : differenceOf(shape, column);
    return difference === undefined ? [] : [`column "${name}": ${difference}`];
  });
  return [...keys, ...differences];
}

function differenceOf(declared: ColumnShape, { shape, sqlType }: TableColumn): string | undefined {
  const found = `found ${wordsOf(shape)} (${sqlType})`;
  if (declared.type !== shape.type || (declared.items ?? shape.items) !== shape.items)
    return `expected ${wordsOf(declared)}, ${found}`;
  if (declared.labels !== undefined) {
    if (shape.labels === undefined) return `expected ${wordsOf(declared)}, ${found}`;
    const others = shape.labels.filter((label) => !declared.labels?.includes(label));
    if (others.length > 0)
      return `expected the labels ${quoted(declared.labels)}, found ${quoted(others)} besides`;
  }
  if (shape.isNullable === true && declared.isNullable !== true)
    return "expected NOT NULL, found that it can be NULL";
  return undefined;
}

function wordsOf({ type, labels, items }: ColumnShape): string {
  const element = labels === undefined ? items : `enum of ${quoted(labels)}`;
  if (items !== undefined) return `an array of ${element ?? items}`;
  return element === undefined ? type : `an ${element}`;
}

function quoted(labels: readonly string[]): string {
  return labels.map((label) => `"${label}"`).join(", ") || "no label";
}

function misnamed(channel: string, tables: readonly Table[]): string {
  const other = tables.find(({ name }) => name === channel);
  return other === undefined
    ? `Table "${channel}" is declared by a name that its channel does not have.`
    : `Table "${channel}" is the channel "${other.channel}": declare it by that name.`;
}

/** The newest rows by key, as they are served; or the reason why they could not be read. */
async function newestRows(
  session: SqlSession,
  table: Table,
  limits: PostgresLimits,
): Promise<readonly Row[] | string> {
  try {
    const found = await session.transaction("snapshot", async (queries) => {
      await readingLocally(queries, limits);
      return queries.query(
        newestRowsStatement(table, {
          rowsMax: limits.schemaRowsMax,
          rowBytesMax: limits.rowBytesMax,
        }),
      );
    });
    // The replacement of a row that is too large is not checked.
    return found
      .map(({ row }) => JSON.parse(asText(row)) as Row)
      .filter((row) => !(OMITTED in row));
  } catch (error) {
    if (!isOfStatement(error)) throw error;
    return messageOf(error);
  }
}

function misfit(
  table: Table,
  schema: StandardSchemaV1,
  rows: readonly Row[],
  issuesMax: number,
): string | undefined {
  for (const row of rows) {
    const issues = issuesOf(table, schema, row);
    if (issues.length === 0) continue;
    const key = keyOf(
      row,
      table.key.map(({ name }) => name),
    );
    const words = issues.slice(0, issuesMax).map((issue) => {
      const column = table.columns.find(({ name }) => name === columnIn(issue));
      const found =
        column === undefined ? "" : ` (found ${wordsOf(column.shape)}: ${column.sqlType})`;
      return `${pathOf(issue)}${issue.message}${found}`;
    });
    return `Table "${table.channel}" is not as its schema says, in the row with the key ${key}: ${words.join("; ")}. Values of type bigint and numeric are strings, dates and times are ISO 8601 strings.`;
  }
  return undefined;
}

/**
 * Columns that can be NULL although the schema refuses NULL, found by setting the column of a
 * valid row to NULL.
 */
function nullWarnings(
  table: Table,
  schema: StandardSchemaV1,
  row: Row | undefined,
): readonly string[] {
  if (row === undefined || issuesOf(table, schema, row).length > 0) return [];
  return table.columns
    .filter(({ name, shape }) => {
      if (shape.isNullable !== true || row[name] === null) return false;
      return issuesOf(table, schema, { ...row, [name]: null }).some(
        (issue) => columnIn(issue) === name,
      );
    })
    .map(
      ({ name }) =>
        `Column "${name}" of "${table.channel}" can be NULL, and its schema does not take null.`,
    );
}

/** @throws TidemarkError `BAD_OPTION` for an asynchronous schema */
function issuesOf(
  { channel }: Table,
  schema: StandardSchemaV1,
  row: Row,
): readonly StandardSchemaV1.Issue[] {
  const result = schema["~standard"].validate(row);
  if (result instanceof Promise)
    throw new TidemarkError(
      "BAD_OPTION",
      `The schema of table "${channel}" is asynchronous, which rows can't wait for.`,
    );
  return result.issues ?? [];
}

function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  const names = path.map((part) => String(typeof part === "object" ? part.key : part));
  return names.length === 0 ? "" : `column "${names.join(".")}": `;
}

function columnIn({ path = [] }: StandardSchemaV1.Issue): string | undefined {
  const [first] = path;
  return first === undefined ? undefined : String(typeof first === "object" ? first.key : first);
}
