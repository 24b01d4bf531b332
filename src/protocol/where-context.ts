/**
 * What a query's columns are checked against: their types, the engine for regexes if there is one,
 * and what may be spent.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ColumnType } from "./column.ts";

export interface RegexMatcher {
  readonly matches: (text: string) => boolean;
  /** Steps per character of text, at worst. */
  readonly steps: number;
}

type RegexEngine = (pattern: string) => RegexMatcher;

/** Counts the steps of a where's text terms: those that cost by the length of what they look at. */
export interface CostMeter {
  /**
   * A term is compiled that costs so many steps per character. @throws TidemarkError
   * `QUERY_TOO_COSTLY`
   */
  declare(stepsPerCharacter: number): void;
  /**
   * So many steps are about to be taken. @throws TidemarkError `QUERY_TOO_COSTLY` before they are
   */
  spend(steps: number): void;
}

export interface WhereContext {
  /** The column's type, or undefined when the channel has no such column. */
  typeOf(column: string): ColumnType | undefined;
  /** Names for the message about an unknown column. */
  readonly columnNames: readonly string[];
  readonly regex?: RegexEngine;
  /** Without one nothing is counted. */
  readonly meter?: CostMeter | undefined;
}

/** @throws TidemarkError `BAD_QUERY` for a column that there is not */
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
