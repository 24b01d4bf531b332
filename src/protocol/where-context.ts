/** What a query's columns are checked against: their types, and the engine for regexes if there is one. */
import { TidemarkError } from "../std/errors.ts";
import type { ColumnType } from "./column.ts";

export type RegexEngine = (pattern: string) => (text: string) => boolean;

export interface WhereContext {
  /** The column's type, or undefined when the channel has no such column. */
  typeOf(column: string): ColumnType | undefined;
  /** Names for the message about an unknown column. */
  readonly columnNames: readonly string[];
  readonly regex?: RegexEngine;
}

/** @throws TidemarkError `BAD_QUERY` for a column that there is not */
export function columnType(column: string, context: Pick<WhereContext, "typeOf" | "columnNames">): ColumnType {
  const type = context.typeOf(column);
  if (type !== undefined) return type;
  throw new TidemarkError("BAD_QUERY", `Bad query: there is no column "${column}"; the channel has ${context.columnNames.join(", ")}.`);
}
