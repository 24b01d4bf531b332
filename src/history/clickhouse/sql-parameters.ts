/** Parameters of one statement, in ClickHouse's form: `{p1:String}`. */
import type { SqlDialect, SqlParameters, SqlValue } from "../sql/dialect.ts";
import type { Cell } from "./connection.ts";

export class ClickHouseParameters implements SqlParameters {
  readonly values: Record<string, Cell> = {};
  #count = 0;

  add(value: SqlValue, type: string): string {
    const name = `p${++this.#count}`;
    this.values[name] = typeof value === "bigint" ? String(value) : value;
    return `{${name}:${type}}`;
  }
}

export const CLICKHOUSE_DIALECT: SqlDialect = {
  textType: "String",
  like: (text, pattern) => `like(${text}, ${pattern})`,
  // Its own flag lets `.` match line breaks.
  regex: (text, pattern) => `match(${text}, concat('(?-s)', ${pattern}))`,
};
