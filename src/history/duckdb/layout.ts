/**
 * The table of a channel: its columns of bookkeeping, and one of DuckDB's own types per declared
 * column, with the user's name where DuckDB can have it. Beside a column that can be compared
 * stands one for the order keys of the values that its type can't hold.
 */
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { Column, ColumnType } from "../../protocol/column.ts";
import { orderKeyOf, STRING_KIND } from "../sql/order-key.ts";
import type { SqlColumn, SqlPlace } from "../sql/dialect.ts";
import { SQL_TYPES, storedValueOf, type SqlType } from "./native-types.ts";
import { identifier } from "./statement.ts";

export interface LayoutColumn extends Column {
  /** The name of the column in DuckDB. */
  readonly native: string;
  /** The name of the column with order keys; absent for JSON. */
  readonly orderKey?: string;
  /** A value has been stored that the native column does not hold. */
  hasOdd: boolean;
}

export interface Layout {
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly LayoutColumn[];
}

const SYSTEM_COLUMNS: readonly (readonly [name: string, type: SqlType])[] = [
  ["_seq", "BIGINT"],
  ["_place", "BIGINT"],
  ["_kind", "VARCHAR"],
  ["_key", "VARCHAR"],
  ["_hash", "BIGINT"],
  ["_time_ms", "BIGINT"],
  ["_row", "VARCHAR"],
];

export function layoutOf(channel: ChannelDeclaration, table: string): Layout {
  const used = new Set(SYSTEM_COLUMNS.map(([name]) => name));
  const columns = channel.columns.map(({ name, type }): LayoutColumn => {
    const native = freeName(name, used);
    if (type === "json") return { name, type, native, hasOdd: false };
    return { name, type, native, orderKey: freeName(`${native}$order`, used), hasOdd: false };
  });
  return { table, key: channel.key, columns };
}

/** DuckDB's names do not differ by case alone, are not empty, and are plain text. */
export function freeName(wanted: string, used: Set<string>): string {
  const base = wanted.replace(/[\p{Control}\p{Surrogate}]/gu, "_") || "_";
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : `${base}_${count}`;
    const folded = name.toLowerCase();
    if (used.has(folded)) continue;
    used.add(folded);
    return name;
  }
}

export function columnsOf(layout: Layout): readonly (readonly [name: string, type: SqlType])[] {
  return [
    ...SYSTEM_COLUMNS,
    ...layout.columns.flatMap(({ native, orderKey, type }): (readonly [string, SqlType])[] => [
      [native, SQL_TYPES[type]],
      ...(orderKey === undefined ? [] : [[orderKey, "VARCHAR"] as const]),
    ]),
  ];
}

export function createTableSql(layout: Layout): string {
  const columns = columnsOf(layout).map(([name, type]) => `${identifier(name)} ${type}`);
  return `CREATE TABLE ${identifier(layout.table)} (${columns.join(", ")})`;
}

/** How queries compare the values of a column. */
export function sqlColumnOf({ type, native, orderKey, hasOdd }: LayoutColumn): SqlColumn {
  const sql = identifier(native);
  const order = orderKey === undefined ? undefined : identifier(orderKey);
  const isNull = `(${sql} IS NULL)`;
  const text = type === "text" ? { text: sql } : {};
  if (order === undefined) {
    return { type, terms: [], placeOf: () => ({ values: [], isExact: false }), isNull };
  }
  if (type === "any") {
    return { type, terms: [{ sql: order, type: "VARCHAR" }], placeOf: keyPlace(type), isNull };
  }
  if (!hasOdd) {
    const terms = [{ sql, type: SQL_TYPES[type] }];
    return { type, terms, placeOf: nativePlace(type), isNull, ...text };
  }
  const exception = `(${order} IS NOT NULL)`;
  if (type === "text" || type === "boolean") {
    const plain =
      type === "text"
        ? `'${STRING_KIND}' || ${sql}`
        : `CASE ${sql} WHEN TRUE THEN 'a1' WHEN FALSE THEN 'a0' END`;
    const key = `COALESCE(${order}, ${plain})`;
    const terms = [{ sql: key, type: "VARCHAR" }];
    const isNullKey = `(${sql} IS NULL AND ${order} IS NULL)`;
    return { type, terms, placeOf: keyPlace(type), isNull: isNullKey, ...text, exception };
  }
  return {
    type,
    terms: [
      { sql, type: SQL_TYPES[type] },
      { sql: `COALESCE(${order}, '')`, type: "VARCHAR" },
    ],
    placeOf(value): SqlPlace {
      const stored = storedValueOf(type, value);
      return { values: [stored.native ?? "", stored.orderKey ?? ""], isExact: true };
    },
    isNull,
    exception,
  };
}

function keyPlace(type: ColumnType): SqlColumn["placeOf"] {
  return (value) => ({ values: [orderKeyOf(type, value)], isExact: true });
}

function nativePlace(type: ColumnType): SqlColumn["placeOf"] {
  return (value) => {
    const { native, isOdd } = storedValueOf(type, value);
    // Without a native value it is above all that are stored; booleans have no others.
    return { values: [native ?? true], isExact: isOdd !== true };
  };
}
