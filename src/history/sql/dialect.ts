/**
 * What the SQL of history's queries needs from a store: how it writes names, parameters and text
 * patterns, and how its columns hold values. Values reach SQL as parameters only.
 */
import type { ColumnType, Present } from "../../protocol/column.ts";

export type SqlValue = string | number | bigint | boolean;

/** The parameters of one statement; a statement need not contain all of them. */
export interface SqlParameters {
  /** Adds a parameter of a SQL type, and returns the SQL that stands for it. */
  add(value: SqlValue, type: string): string;
}

export interface SqlDialect {
  /** The SQL type of texts. */
  readonly textType: string;
  /** `pattern` is the SQL of a parameter with `%`, `_` and `\` as escape. */
  like(text: string, pattern: string): string;
  /** RE2, where `.` matches no line break, found anywhere in the text. */
  regex(text: string, pattern: string): string;
}

export interface SqlTerm {
  /** An expression over a row. */
  readonly sql: string;
  /** The SQL type of the parameters that it is compared with. */
  readonly type: string;
}

/** Where a value stands among the values of a column, as one value per term. */
export interface SqlPlace {
  readonly values: readonly SqlValue[];
  /**
   * False: the terms can't tell the value from the greatest one below it that they can express,
   * whose place this is. No stored row has the value then.
   */
  readonly isExact: boolean;
}

/** How a store holds the values of one declared column. */
export interface SqlColumn {
  readonly type: ColumnType;
  /**
   * Expressions whose order, one after the other, is exactly the order of the column's values. The
   * first is null exactly where the value is null. Empty for a column whose values SQL can't
   * compare.
   */
  readonly terms: readonly SqlTerm[];
  placeOf(value: Present): SqlPlace;
  /** SQL that is true exactly where the value is null. */
  readonly isNull: string;
  /** An expression with the values as texts; absent unless the column holds texts. */
  readonly text?: string;
  /**
   * SQL that is true for rows whose value `text` does not have, or whose instant differs from the
   * place in the order, as that of timestamps with a zone; absent where there is no such row.
   */
  readonly exception?: string;
}

/** The columns of a channel by name; undefined for one that is not declared. */
export type SqlColumns = (column: string) => SqlColumn | undefined;

export interface SqlContext {
  readonly dialect: SqlDialect;
  readonly columns: SqlColumns;
  readonly parameters: SqlParameters;
}

export function all(conditions: readonly string[]): string {
  if (conditions.includes("FALSE")) return "FALSE";
  const rest = conditions.filter((condition) => condition !== "TRUE");
  return rest.length === 0
    ? "TRUE"
    : rest.length === 1
      ? (rest[0] as string)
      : `(${rest.join(" AND ")})`;
}

export function some(conditions: readonly string[]): string {
  if (conditions.includes("TRUE")) return "TRUE";
  const rest = conditions.filter((condition) => condition !== "FALSE");
  return rest.length === 0
    ? "FALSE"
    : rest.length === 1
      ? (rest[0] as string)
      : `(${rest.join(" OR ")})`;
}
