/** Turns `order_by` into a total order over rows: columns, then nulls, then the key. */
import { TidemarkError } from "../std/errors.ts";
import { comparatorOf, compareTexts } from "./column.ts";
import type { WireOrderBy } from "./query.ts";
import type { Row } from "./row.ts";
import { columnType, type WhereContext } from "./where-context.ts";

/** A row to sort, and the key that breaks ties. */
export interface Ranked {
  readonly key: string;
  readonly row: Row;
}

export type RankOrder = (left: Ranked, right: Ranked) => number;

/** @throws TidemarkError `BAD_QUERY` for unknown columns and columns that hold JSON */
export function compileOrder(
  orderBy: readonly WireOrderBy[],
  context: Pick<WhereContext, "typeOf" | "columnNames">,
): RankOrder {
  const terms = orderBy.map((term) => compileOrderTerm(term, context));
  return (left, right) => {
    for (const term of terms) {
      const order = term(left.row, right.row);
      if (order !== 0) return order;
    }
    return compareTexts(left.key, right.key);
  };
}

/**
 * The order by one column. @throws TidemarkError `BAD_QUERY` for an unknown column, and one that
 * holds JSON
 */
export function compileOrderTerm(
  term: WireOrderBy,
  context: Pick<WhereContext, "typeOf" | "columnNames">,
): (left: Row, right: Row) => number {
  const { column, direction, nulls } = withDefaults(term);
  const type = columnType(column, context);
  if (type === "json") {
    throw new TidemarkError(
      "BAD_QUERY",
      `Bad query: column "${column}" holds JSON and has no order.`,
    );
  }
  const compare = comparatorOf(type);
  const sign = direction === "asc" ? 1 : -1;
  const nullRank = nulls === "first" ? -1 : 1;
  return (left, right) => {
    const a = left[column] ?? null;
    const b = right[column] ?? null;
    if (a === null || b === null) return a === b ? 0 : a === null ? nullRank : -nullRank;
    return sign * compare(a, b);
  };
}

/** The term with what it means where it says nothing. */
export function withDefaults({
  column,
  direction = "asc",
  nulls = direction === "asc" ? "last" : "first",
}: WireOrderBy): Required<WireOrderBy> {
  return { column, direction, nulls };
}

/** The first index for which `isBefore` is false. */
export function lowerBound(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
