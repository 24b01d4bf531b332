/**
 * What each row of a view must satisfy, as far as an index can find the view by it: the equality
 * and the interval that its `where` requires. A part of `or` or `not` is required of no row.
 */
import { coerceOperand, comparatorOf, equalityKey, type ColumnType } from "../protocol/column.ts";
import type { WireCondition, WireWhere } from "../protocol/query.ts";
import type { JsonValue } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import { intersection, type Bound, type Interval } from "./interval.ts";

/** The column has one of the values, given by their equality keys. */
export interface EqualityRoute {
  readonly column: string;
  readonly values: readonly string[];
}

/** The column's value is in the interval; without one, no row can match. */
export interface RangeRoute {
  readonly column: string;
  readonly interval: Interval | undefined;
}

export interface Route {
  readonly equality: EqualityRoute | undefined;
  readonly range: RangeRoute | undefined;
}

const EVERYTHING: Interval = { lower: undefined, upper: undefined };

/** The best equality and the best range that `where` requires, where it requires any. */
export function routeOf(where: WireWhere | undefined, context: WhereContext): Route {
  const { equality, ranges } = requiredBy(where, context);
  return { equality, range: narrowest(ranges) };
}

/**
 * The interval that `where` requires of a column: `all` where it requires none, and undefined where
 * no value can match.
 */
export function intervalOf(
  where: WireWhere | undefined,
  column: string,
  context: WhereContext,
): Interval | "all" | undefined {
  const { ranges } = requiredBy(where, context);
  return ranges.has(column) ? ranges.get(column) : "all";
}

/** The best equality that `where` requires, and an interval per column with range terms. */
function requiredBy(
  where: WireWhere | undefined,
  context: WhereContext,
): {
  readonly equality: EqualityRoute | undefined;
  readonly ranges: ReadonlyMap<string, Interval | undefined>;
} {
  let equality: EqualityRoute | undefined;
  const ranges = new Map<string, Interval | undefined>();
  const visit = (part: WireWhere): void => {
    if ("and" in part) for (const inner of part.and) visit(inner);
    const type = "column" in part ? context.typeOf(part.column) : undefined;
    if (type === undefined || !("column" in part)) return;
    const { column } = part;
    const found = equalityIn(part, type);
    if (found !== undefined && (equality?.values.length ?? Infinity) > found.values.length)
      equality = found;
    const ends = rangeIn(part);
    if (ends === undefined || type === "json") return;
    const before = ranges.has(column) ? ranges.get(column) : EVERYTHING;
    const interval = narrowed(before, ends, type);
    if (interval !== "none") ranges.set(column, interval);
  };
  if (where !== undefined) visit(where);
  return { equality, ranges };
}

function equalityIn(condition: WireCondition, type: ColumnType): EqualityRoute | undefined {
  const operands =
    "eq" in condition ? [condition.eq] : "in" in condition ? condition.in : undefined;
  if (operands === undefined) return undefined;
  // An operand of null matches nothing, so it needs no index entry.
  const values = operands.flatMap((operand) =>
    operand === null ? [] : [equalityKey(type, operand)],
  );
  return { column: condition.column, values: [...new Set(values)] };
}

interface End {
  readonly operand: JsonValue;
  readonly isOpen: boolean;
}

function rangeIn(condition: WireCondition): { lower?: End; upper?: End } | undefined {
  if ("lt" in condition) return { upper: { operand: condition.lt, isOpen: true } };
  if ("lte" in condition) return { upper: { operand: condition.lte, isOpen: false } };
  if ("gt" in condition) return { lower: { operand: condition.gt, isOpen: true } };
  if ("gte" in condition) return { lower: { operand: condition.gte, isOpen: false } };
  if (!("between" in condition)) return undefined;
  const [low, high] = condition.between;
  return { lower: { operand: low, isOpen: false }, upper: { operand: high, isOpen: false } };
}

/**
 * The interval within a range term: undefined where no value can match, and `none` where an index
 * can't decide it.
 */
function narrowed(
  interval: Interval | undefined,
  { lower, upper }: { lower?: End; upper?: End },
  type: ColumnType,
): Interval | undefined | "none" {
  const bounds: Record<"lower" | "upper", Bound | undefined> = {
    lower: undefined,
    upper: undefined,
  };
  for (const [side, end] of [
    ["lower", lower],
    ["upper", upper],
  ] as const) {
    if (end === undefined) continue;
    // A comparison with null matches nothing.
    if (end.operand === null) return undefined;
    const value = coerceOperand(type, end.operand);
    if (value === undefined || value === null) return "none";
    bounds[side] = { value, isOpen: end.isOpen };
  }
  if (interval === undefined) return undefined;
  if (type === "any" && kindsOf([interval, bounds]).size > 1) return undefined;
  return intersection(interval, bounds, comparatorOf(type));
}

/** In a column without a type, a value of one kind is neither above nor below one of another. */
function kindsOf(intervals: readonly Interval[]): ReadonlySet<string> {
  const ends = intervals.flatMap(({ lower, upper }) => [lower, upper]);
  return new Set(ends.flatMap((end) => (end === undefined ? [] : [typeof end.value])));
}

/** One that matches nothing, else one with two ends, else the first. */
function narrowest(ranges: ReadonlyMap<string, Interval | undefined>): RangeRoute | undefined {
  let best: RangeRoute | undefined;
  for (const [column, interval] of ranges) {
    const range = { column, interval };
    if (best === undefined || endsOf(range) > endsOf(best)) best = range;
  }
  return best;
}

function endsOf({ interval }: RangeRoute): number {
  if (interval === undefined) return 3;
  return Number(interval.lower !== undefined) + Number(interval.upper !== undefined);
}
