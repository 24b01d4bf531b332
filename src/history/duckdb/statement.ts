/** SQL statements for DuckDB: quoted names, typed parameters, and its dialect. */
import type * as DuckDB from "@duckdb/node-api";
import type { SqlDialect, SqlParameters, SqlValue } from "../sql/dialect.ts";
import type { NativeValue, SqlType } from "./native-types.ts";

export interface Statement {
  readonly sql: string;
  readonly parameters: Parameters;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export const DIALECT: SqlDialect = {
  textType: "VARCHAR",
  like: (text, pattern) => `${text} LIKE ${pattern} ESCAPE '\\'`,
  regex: (text, pattern) => `regexp_matches(${text}, '(?-s)' || ${pattern})`,
};

interface Parameter {
  readonly value: SqlValue | readonly bigint[];
  readonly type: string;
}

export class Parameters implements SqlParameters {
  readonly #values: Parameter[] = [];

  add(value: SqlValue, type: string): string {
    return `$p${this.#values.push({ value, type })}`;
  }

  /** A list of BIGINT. */
  addList(values: readonly bigint[]): string {
    return `$p${this.#values.push({ value: values, type: "BIGINT[]" })}`;
  }

  bind(statement: DuckDB.DuckDBPreparedStatement, driver: typeof DuckDB): void {
    for (let index = 1; index <= statement.parameterCount; index++) {
      const at = Number(statement.parameterName(index).slice(1)) - 1;
      const { value, type } = this.#values[at] as Parameter;
      if (type === "BIGINT[]") {
        const list = driver.listValue(value as readonly bigint[]);
        statement.bindList(index, list, driver.LIST(driver.BIGINT));
      } else {
        const duckValue = duckValueOf(driver, type as SqlType, value as SqlValue);
        statement.bindValue(index, duckValue, duckTypeOf(driver, type as SqlType));
      }
    }
  }
}

export function duckTypeOf(driver: typeof DuckDB, type: SqlType): DuckDB.DuckDBType {
  switch (type) {
    case "BOOLEAN":
      return driver.BOOLEAN;
    case "BIGINT":
      return driver.BIGINT;
    case "DOUBLE":
      return driver.DOUBLE;
    case "DECIMAL(38,18)":
      return driver.DECIMAL(38, 18);
    case "VARCHAR":
      return driver.VARCHAR;
    case "TIMESTAMP":
      return driver.TIMESTAMP;
    case "DATE":
      return driver.DATE;
  }
}

export function duckValueOf(
  driver: typeof DuckDB,
  type: SqlType,
  value: NativeValue,
): DuckDB.DuckDBValue {
  if (value === null) return null;
  switch (type) {
    case "DECIMAL(38,18)":
      return new driver.DuckDBDecimalValue(BigInt(value), 38, 18);
    case "TIMESTAMP":
      return new driver.DuckDBTimestampValue(BigInt(value));
    case "DATE":
      return new driver.DuckDBDateValue(Number(value));
    case "BIGINT":
      return BigInt(value);
    case "BOOLEAN":
    case "DOUBLE":
    case "VARCHAR":
      return value;
  }
}
