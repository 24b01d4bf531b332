/**
 * The tables that a source declares, and the messages about them as rows with keys. Parsing trusts
 * nothing: a message that does not fit its table is refused whole, with the cause.
 */
import { TidemarkError } from "../../std/errors.ts";
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import type { KeyedRow } from "../../log/log.ts";
import { COLUMN_TYPES, type ColumnType } from "../../protocol/column.ts";
import { jsonDepth } from "../../protocol/json-depth.ts";
import { keyOf, type JsonValue, type Row } from "../../protocol/row.ts";
import { FIXED_REDIS_LIMITS } from "./limits.ts";

export interface RedisTable {
  /** The channel's name. Default: the table's name in the messages. */
  readonly channel?: string;
  /**
   * The column, or columns, whose values identify a row. Default: rows have no key, and get one in
   * `idColumn`.
   */
  readonly key?: string | readonly string[];
  /** The column that holds the key of rows without `key`. Default `_id`. */
  readonly idColumn?: string;
  /** The columns' types, which decide how values compare. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** Default: 100,000 rows, 256 MiB, no age. */
  readonly bounds?: Partial<ChannelBounds>;
  /** Keeps each version of the rows in the history store of the server. */
  readonly history?: Partial<ChannelHistory> | true;
}

/** A declared table. */
export interface Table {
  readonly name: string;
  readonly declaration: ChannelDeclaration;
  /** Where rows have no key of their own: the column of the key that they get. */
  readonly idColumn: string | undefined;
}

/** Rows that are set, and keys that go, as one step. */
export interface RowsMessage {
  readonly kind: "rows";
  readonly table: Table;
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
}

export type TableMessage =
  | RowsMessage
  | { readonly kind: "update"; readonly table: Table }
  | { readonly kind: "bad"; readonly cause: string };

export type Tables = ReadonlyMap<string, Table>;

/** @throws TidemarkError `BAD_OPTION` */
export function tablesOf(options: Readonly<Record<string, RedisTable>>): Tables {
  const tables = new Map<string, Table>();
  for (const [name, table] of Object.entries(options)) tables.set(name, tableOf(name, table));
  if (tables.size === 0)
    throw new TidemarkError("BAD_OPTION", "Declare at least one table in channels.");
  const channels = new Set(Array.from(tables.values(), ({ declaration }) => declaration.name));
  if (channels.size < tables.size)
    throw new TidemarkError("BAD_OPTION", "Two tables of one source can't have the same channel.");
  return tables;
}

function tableOf(name: string, options: RedisTable): Table {
  const { channel = name, key, bounds, history } = options;
  const idColumn = key === undefined ? (options.idColumn ?? "_id") : undefined;
  const columns = Object.entries(options.columns ?? {}).map(([column, type]) => {
    if (!COLUMN_TYPES.includes(type))
      throw new TidemarkError(
        "BAD_OPTION",
        `Column "${column}": a column's type is one of ${COLUMN_TYPES.join(", ")}.`,
      );
    return { name: column, type };
  });
  if (idColumn !== undefined && columns.length > 0)
    columns.unshift({ name: idColumn, type: "text" });
  const declaration = declareChannel({
    name: channel,
    key: key === undefined ? [String(idColumn)] : typeof key === "string" ? [key] : key,
    columns,
    history: history === true ? {} : history,
    ...(bounds !== undefined && { bounds }),
  });
  return { name, declaration, idColumn };
}

/** Makes a message a cause that operators can read. */
class Refusal extends Error {}

/** `id` is the key's beginning for rows that have no key of their own. */
export function parseMessage(
  text: string,
  tables: Tables,
  { id, lengthMax }: { readonly id: string; readonly lengthMax: number },
): TableMessage {
  try {
    if (text.length > lengthMax) throw new Refusal("it is longer than messageLengthMax");
    const { type, table: name, ...fields } = objectIn(text);
    if (type !== "table_rows" && type !== "table_update")
      throw new Refusal("its type is neither table_rows nor table_update");
    const table = typeof name === "string" ? tables.get(name) : undefined;
    if (table === undefined)
      throw new Refusal(`table ${(JSON.stringify(name) ?? "").slice(0, 80)} is not declared`);
    if (type === "table_update") return { kind: "update", table };
    return {
      kind: "rows",
      table,
      upserts: upsertsIn(table, fields, id),
      removes: removesIn(table, fields["removes"]),
    };
  } catch (error) {
    if (error instanceof Refusal) return { kind: "bad", cause: error.message };
    throw error;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function objectIn(text: string): Fields {
  // The message, its list, and the row add levels.
  if (jsonDepth(text, FIXED_REDIS_LIMITS.rowDepthMax + 3) > FIXED_REDIS_LIMITS.rowDepthMax + 3)
    throw new Refusal("a row nests too deep");
  let value: unknown;
  try {
    value = JSON.parse(withExactIntegers(text));
  } catch {
    throw new Refusal("it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal("it is not a JSON object");
  return value as Fields;
}

const LONG_DIGITS = /\d{16}/;
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Integers that JavaScript's numbers can't hold become texts, as in all rows of Tidemark. */
function withExactIntegers(text: string): string {
  if (!LONG_DIGITS.test(text)) return text;
  return text.replace(TEXT_OR_NUMBER, (part) =>
    /^-?\d{16,}$/.test(part) && !Number.isSafeInteger(Number(part)) ? `"${part}"` : part,
  );
}

function upsertsIn(table: Table, { columns, rows }: Fields, id: string): readonly KeyedRow[] {
  if (rows === undefined) return [];
  if (!Array.isArray(rows)) throw new Refusal(`rows of table "${table.name}" is not a list`);
  const names = columnsIn(table, columns);
  return (rows as readonly unknown[]).map((input, index) => {
    const fields = fieldsOf(table, input, names);
    const row =
      table.idColumn === undefined ? fields : { [table.idColumn]: `${id}-${index}`, ...fields };
    if (table.idColumn !== undefined && Object.hasOwn(fields, table.idColumn))
      throw new Refusal(`table "${table.name}" sends the column ${table.idColumn}, which is ours`);
    const key = keyOf(row, table.declaration.key);
    if (key === undefined)
      throw new Refusal(
        `a row of table "${table.name}" has no value in its key (${table.declaration.key.join(", ")})`,
      );
    const json = JSON.stringify(row);
    if (json.length > FIXED_REDIS_LIMITS.rowLengthMax)
      throw new Refusal(`a row of table "${table.name}" is too long`);
    return { key, row, json };
  });
}

function columnsIn(table: Table, columns: unknown): readonly string[] | undefined {
  if (columns === undefined) return undefined;
  const isList =
    Array.isArray(columns) &&
    columns.every((name) => typeof name === "string") &&
    new Set(columns).size === columns.length;
  if (!isList) throw new Refusal(`columns of table "${table.name}" is not a list of names`);
  const names = columns as readonly string[];
  const missing = table.declaration.key.find(
    (column) => column !== table.idColumn && !names.includes(column),
  );
  if (missing !== undefined)
    throw new Refusal(`columns of table "${table.name}" lacks the key column "${missing}"`);
  return names;
}

function fieldsOf(table: Table, input: unknown, columns: readonly string[] | undefined): Row {
  if (Array.isArray(input)) {
    if (columns === undefined) throw new Refusal(`columns of table "${table.name}" is missing`);
    if (input.length !== columns.length)
      throw new Refusal(
        `a row of table "${table.name}" has ${input.length} values for ${columns.length} columns`,
      );
    return Object.fromEntries(columns.map((name, index) => [name, input[index] as JsonValue]));
  }
  if (typeof input === "object" && input !== null) return input as Row;
  throw new Refusal(`a row of table "${table.name}" is neither a list nor an object`);
}

/** `removes`: the values of the key columns, as a list per row, or as they are for one column. */
function removesIn(table: Table, removes: unknown): readonly string[] {
  if (removes === undefined) return [];
  if (!Array.isArray(removes)) throw new Refusal(`removes of table "${table.name}" is not a list`);
  const { key } = table.declaration;
  return (removes as readonly unknown[]).map((input) => {
    const values = Array.isArray(input) ? (input as readonly JsonValue[]) : [input as JsonValue];
    const row = Object.fromEntries(key.map((column, index) => [column, values[index] ?? null]));
    const text = values.length === key.length ? keyOf(row, key) : undefined;
    if (text === undefined)
      throw new Refusal(
        `removes of table "${table.name}" is not a list of its key's values (${key.join(", ")})`,
      );
    return text;
  });
}
