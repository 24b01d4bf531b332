/**
 * What a query is compiled against: the columns' types, the engine for regexes if there is one,
 * and the budget of steps.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ColumnType } from "./column.ts";

export interface RegexMatcher {
  readonly matches: (text: string) => boolean;
  /** Steps per character of text, in the worst case. */
  readonly steps: number;
}

type RegexEngine = (pattern: string) => RegexMatcher;

/** Counts the steps of a where's text terms: those whose cost depends on the text's length. */
export interface CostMeter {
  /**
   * Counts a compiled term, which costs so many steps per character. @throws TidemarkError
   * `QUERY_TOO_COSTLY`
   */
  declare(stepsPerCharacter: number): void;
  /**
   * Counts steps before they are taken. @throws TidemarkError `QUERY_TOO_COSTLY` when they are too
   * many
   */
  spend(steps: number): void;
}

export interface WhereContext {
  /** The column's type, or undefined when the channel has no such column. */
  typeOf(column: string): ColumnType | undefined;
  /** The column names for the message about an unknown column. */
  readonly columnNames: readonly string[];
  readonly regex?: RegexEngine;
  /** Without a budget nothing is counted. */
  readonly meter?: CostMeter | undefined;
}

/** @throws TidemarkError `BAD_QUERY` for an unknown column */
export function columnType(
  column: string,
  context: Pick<WhereContext, "typeOf" | "columnNames">,
): ColumnType {
  const type = context.typeOf(column);
  if (type !== undefined) return type;
  throw new TidemarkError(
    "BAD_QUERY",
    `Bad query: there is no column "${column}"; the channel has ${context.columnNames.join(", ")}.`,
  );
}
