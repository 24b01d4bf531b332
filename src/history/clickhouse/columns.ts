/**
 * How a channel's columns are stored: each under its own name with a type of ClickHouse, for users'
 * SQL and as the first term of its order, and beside it a text that decides among values which
 * that type can't tell apart. That text is empty for nearly all values, and then takes no space.
 */
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { Column, Present } from "../../protocol/column.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { SqlColumn, SqlColumns, SqlTerm } from "../sql/dialect.ts";
import { orderKeyOf, textKey } from "../sql/order-key.ts";
import { quotedName, type Cell } from "./connection.ts";
import { floatPlace, integerPlace, timestampPlace, type NativePlace } from "./native-place.ts";

export interface StoredColumn {
  readonly column: Column;
  /** Names and types of the columns that hold it, as SQL. */
  readonly definitions: readonly (readonly [name: string, type: string])[];
  /** The values of these columns. */
  cellsOf(value: JsonValue | undefined): readonly Cell[];
  readonly sql: SqlColumn;
}

export function storedColumns({ columns }: ChannelDeclaration): readonly StoredColumn[] {
  return columns.map((column, index) => {
    const name = quotedName(nativeName(column.name, index));
    const tie = `_tie_${index}`;
    switch (column.type) {
      case "integer":
        return placed(column, name, tie, "Int64", (value) => integerPlace(value, 64n));
      case "bigint":
        return placed(column, name, tie, "Int128", (value) => integerPlace(value, 128n));
      case "float":
      case "numeric":
        return placed(column, name, tie, "Float64", floatPlace);
      case "timestamp":
      case "date":
        return placed(column, name, tie, "DateTime64(6, 'UTC')", timestampPlace);
      case "text":
        return textColumn(column, name, tie);
      case "boolean":
        return keyed(column, [name, "Nullable(Bool)"], tie, (value) =>
          typeof value === "boolean" ? value : null,
        );
      case "any":
        return keyed(column, [name, "Nullable(String)"], tie, plainText);
      case "json":
        return jsonColumn(column, name);
    }
  });
}

/** The columns by name, for the SQL of queries. */
export function sqlColumns(columns: readonly StoredColumn[]): SqlColumns {
  const byName = new Map(columns.map(({ column, sql }) => [column.name, sql]));
  return (name) => byName.get(name);
}

const PLAIN_NAME = /^\p{L}[\p{L}\p{N}_]{0,62}$/u;

/** Names that SQL could take for something else are replaced. */
function nativeName(name: string, index: number): string {
  return PLAIN_NAME.test(name) ? name : `_column_${index}`;
}

function placed(
  column: Column,
  name: string,
  tie: string,
  type: string,
  placeOf: (value: Present) => NativePlace,
): StoredColumn {
  const cells = (value: Present): readonly [string | number, string] => {
    const { native, isExact } = placeOf(value);
    return [native, isExact ? "" : orderKeyOf(column.type, value)];
  };
  return {
    column,
    definitions: [
      [name, `Nullable(${type})`],
      [tie, "String"],
    ],
    cellsOf: (value) => (value === null || value === undefined ? [null, ""] : cells(value)),
    sql: {
      type: column.type,
      terms: [
        { sql: name, type },
        { sql: tie, type: "String" },
      ],
      placeOf: (value) => ({ values: cells(value), isExact: true }),
      isNull: `isNull(${name})`,
      // Times with a zone are not where their instants are.
      ...((column.type === "timestamp" || column.type === "date") && {
        exception: `(${tie} != '')`,
      }),
    },
  };
}

/** Below all texts, and above all texts: where other values in a text column stand. */
const [BELOW, ABOVE] = ["\0", "\uffff"];
const EMPTY = `${BELOW}z`;

/** A text whose order by bytes is that of the values of a text column; never empty. */
function textPlace(value: Present): string {
  switch (typeof value) {
    case "string":
      return value === "" ? EMPTY : textKey(value);
    case "object":
      return ABOVE + orderKeyOf("any", value);
    case "number":
    case "boolean":
      return BELOW + orderKeyOf("any", value);
  }
}

function textColumn(column: Column, name: string, tie: string): StoredColumn {
  const term: SqlTerm = { sql: `if(empty(${tie}), ${name}, ${tie})`, type: "String" };
  return {
    column,
    definitions: [
      [name, "Nullable(String)"],
      [tie, "String"],
    ],
    cellsOf: (value) => {
      if (value === null || value === undefined) return [null, ""];
      const [text, place] = [plainText(value), textPlace(value)];
      return [text, place === text ? "" : place];
    },
    sql: {
      type: column.type,
      terms: [term],
      placeOf: (value) => ({ values: [textPlace(value)], isExact: true }),
      isNull: `isNull(${name})`,
      text: name,
      // Other values than texts, and texts with half a character, which UTF-8 does not have.
      exception:
        `(${tie} != '' AND (position(${name}, '\ufffd') > 0 OR startsWith(${tie}, '${ABOVE}')` +
        ` OR (startsWith(${tie}, char(0)) AND ${tie} != concat(char(0), 'z'))))`,
    },
  };
}

/** A column with a whole order key. */
function keyed(
  column: Column,
  [name, type]: readonly [string, string],
  tie: string,
  native: (value: Present) => Cell,
): StoredColumn {
  return {
    column,
    definitions: [
      [name, type],
      [tie, column.type === "boolean" ? "LowCardinality(Nullable(String))" : "Nullable(String)"],
    ],
    cellsOf: (value) =>
      value === null || value === undefined
        ? [null, null]
        : [native(value), orderKeyOf(column.type, value)],
    sql: {
      type: column.type,
      terms: [{ sql: tie, type: "String" }],
      placeOf: (value) => ({ values: [orderKeyOf(column.type, value)], isExact: true }),
      isNull: `isNull(${tie})`,
    },
  };
}

function jsonColumn(column: Column, name: string): StoredColumn {
  return {
    column,
    definitions: [[name, "Nullable(String)"]],
    cellsOf: (value) => [value === null || value === undefined ? null : JSON.stringify(value)],
    sql: {
      type: column.type,
      terms: [],
      placeOf: () => ({ values: [], isExact: false }),
      isNull: `isNull(${name})`,
    },
  };
}

/** A text as it is, anything else as JSON. */
function plainText(value: Present): string {
  return typeof value === "string"
    ? value.replace(/\p{Surrogate}/gu, "\ufffd")
    : JSON.stringify(value);
}
