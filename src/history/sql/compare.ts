/** Comparisons of a column with a value, as SQL over the column's terms. */
import type { Present } from "../../protocol/column.ts";
import { all, some, type SqlColumn, type SqlParameters, type SqlTerm } from "./dialect.ts";

export type Comparison = "eq" | "ne" | "lt" | "lte" | "gt" | "gte";

/** The comparison that holds for a value that is not null exactly where the other does not. */
export const OPPOSITE: Readonly<Record<Comparison, Comparison>> = {
  eq: "ne",
  ne: "eq",
  lt: "gte",
  lte: "gt",
  gt: "lte",
  gte: "lt",
};

/** SQL that is true exactly for the rows whose value is not null and compares so. */
export function compareSql(
  column: SqlColumn,
  comparison: Comparison,
  value: Present,
  parameters: SqlParameters,
): string {
  const place = column.placeOf(value);
  if (!place.isExact && comparison === "eq") return "FALSE";
  if (!place.isExact && comparison === "ne") return `NOT ${column.isNull}`;
  const terms = column.terms.map((term, index) => {
    const at = place.values[index];
    return { term, parameter: at === undefined ? "NULL" : parameters.add(at, term.type) };
  });
  switch (comparison) {
    case "eq":
      return equal(terms);
    case "ne":
      return different(terms);
    case "lt":
      return ordered(terms, "<", !place.isExact);
    case "lte":
      return ordered(terms, "<", true);
    case "gt":
      return ordered(terms, ">", false);
    case "gte":
      return ordered(terms, ">", place.isExact);
  }
}

interface Compared {
  readonly term: SqlTerm;
  readonly parameter: string;
}

function equal(terms: readonly Compared[]): string {
  return all(terms.map(({ term, parameter }) => `${term.sql} = ${parameter}`));
}

function different(terms: readonly Compared[]): string {
  return some(terms.map(({ term, parameter }) => `${term.sql} <> ${parameter}`));
}

/** By the first term that differs. */
function ordered(terms: readonly Compared[], sign: "<" | ">", orEqual: boolean): string {
  const [first, ...rest] = terms;
  if (first === undefined) return "TRUE";
  const { term, parameter } = first;
  if (rest.length === 0) return `${term.sql} ${sign}${orEqual ? "=" : ""} ${parameter}`;
  // The first condition follows from the second; stores skip blocks of rows by it.
  return all([
    `${term.sql} ${sign}= ${parameter}`,
    some([
      `${term.sql} ${sign} ${parameter}`,
      all([`${term.sql} = ${parameter}`, ordered(rest, sign, orEqual)]),
    ]),
  ]);
}
