/**
 * Intervals over the values of one column, in the order in which the column's type compares them:
 * what range terms (`lt`, `lte`, `gt`, `gte`, `between`) require of a value.
 */
import type { Present } from "../protocol/column.ts";

/** One end of an interval. An open end does not contain its own value. */
export interface Bound<V = Present> {
  readonly value: V;
  readonly isOpen: boolean;
}

/** All values from `lower` to `upper`; without an end it has no bound there. */
/** How two values compare: negative, zero or positive. Total. */
export type CompareValues<V> = (left: V, right: V) => number;

export interface Interval<V = Present> {
  readonly lower: Bound<V> | undefined;
  readonly upper: Bound<V> | undefined;
}

export function contains<V>(interval: Interval<V>, value: V, compare: CompareValues<V>): boolean {
  return beginsBy(interval.lower, value, compare) && reaches(interval.upper, value, compare);
}

/** Whether `value` is not below the lower end. */
export function beginsBy<V>(
  lower: Bound<V> | undefined,
  value: V,
  compare: CompareValues<V>,
): boolean {
  if (lower === undefined) return true;
  const order = compare(value, lower.value);
  return order > 0 || (order === 0 && !lower.isOpen);
}

/** Whether `value` is not above the upper end. */
export function reaches<V>(
  upper: Bound<V> | undefined,
  value: V,
  compare: CompareValues<V>,
): boolean {
  if (upper === undefined) return true;
  const order = compare(value, upper.value);
  return order < 0 || (order === 0 && !upper.isOpen);
}

/** Lower ends: the one that contains more comes first. */
export function compareLower<V>(
  left: Bound<V> | undefined,
  right: Bound<V> | undefined,
  compare: CompareValues<V>,
): number {
  if (left === undefined || right === undefined)
    return left === right ? 0 : left === undefined ? -1 : 1;
  return compare(left.value, right.value) || Number(left.isOpen) - Number(right.isOpen);
}

/** Upper ends: the one that contains more comes last. */
export function compareUpper<V>(
  left: Bound<V> | undefined,
  right: Bound<V> | undefined,
  compare: CompareValues<V>,
): number {
  if (left === undefined || right === undefined)
    return left === right ? 0 : left === undefined ? 1 : -1;
  return compare(left.value, right.value) || Number(right.isOpen) - Number(left.isOpen);
}

/** The values in both; undefined when there can be none. */
export function intersection<V>(
  one: Interval<V>,
  other: Interval<V>,
  compare: CompareValues<V>,
): Interval<V> | undefined {
  const lower = compareLower(one.lower, other.lower, compare) >= 0 ? one.lower : other.lower;
  const upper = compareUpper(one.upper, other.upper, compare) <= 0 ? one.upper : other.upper;
  if (lower === undefined || upper === undefined) return { lower, upper };
  const order = compare(lower.value, upper.value);
  const isEmpty = order > 0 || (order === 0 && (lower.isOpen || upper.isOpen));
  return isEmpty ? undefined : { lower, upper };
}
