/**
 * The columns of a group, as an application writes them: `count`, `sum`, `min`, `max`, `avg`,
 * `first`, `last`, and buckets of time. They describe; `group-plan.ts` computes.
 */
import { TidemarkError } from "../std/errors.ts";

export type AggregateKind = "count" | "sum" | "min" | "max" | "avg" | "first" | "last";

/** A column of a group: what it is made of is part of its type. */
export interface Aggregate<
  Kind extends AggregateKind = AggregateKind,
  Column extends string = string,
  By extends string = string,
> {
  readonly kind: Kind;
  /** Undefined for the number of rows. */
  readonly column: Column | undefined;
  /** The column whose order says which row is the first. */
  readonly by: By | undefined;
}

/** The number of rows; with a column, of those where it is not null. */
export function count(): Aggregate<"count", never, never>;
export function count<const C extends string>(column: C): Aggregate<"count", C, never>;
export function count(column?: string): Aggregate<"count"> {
  return { kind: "count", column, by: undefined };
}

/**
 * The exact sum of the values that are not null; null where there are none. Decimal texts
 * (`numeric`, `bigint`) give a decimal text. Numbers are added without rounding and shown as the
 * nearest double.
 */
export function sum<const C extends string>(column: C): Aggregate<"sum", C, never> {
  return { kind: "sum", column, by: undefined };
}

/**
 * The exact sum divided by the number of values; null where there are none. Decimals have 16 digits
 * after the point, the last one rounded half up.
 */
export function avg<const C extends string>(column: C): Aggregate<"avg", C, never> {
  return { kind: "avg", column, by: undefined };
}

/** The least value that is not null, as filters compare; null where there is none. */
export function min<const C extends string>(column: C): Aggregate<"min", C, never> {
  return { kind: "min", column, by: undefined };
}

/** The greatest value that is not null, as filters compare; null where there is none. */
export function max<const C extends string>(column: C): Aggregate<"max", C, never> {
  return { kind: "max", column, by: undefined };
}

/**
 * The value in the row that comes first in the order of `by`; of rows that are equal there, in the
 * one with the least key. Rows with null in `by` don't count.
 */
export function first<const C extends string, const B extends string>(
  column: C,
  { by }: { readonly by: B },
): Aggregate<"first", C, B> {
  return { kind: "first", column, by };
}

/** As `first`: the value in the row that comes last, of equal ones with the greatest key. */
export function last<const C extends string, const B extends string>(
  column: C,
  { by }: { readonly by: B },
): Aggregate<"last", C, B> {
  return { kind: "last", column, by };
}

/** A column of `groupBy` with the beginning of the span of time that a row's time is in. */
export interface TimeBucket<Column extends string = string> {
  readonly column: Column;
  readonly widthMs: number;
  readonly keep: number | undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Spans of `width` (`"1s"`, `"5m"`, `"1h"`, `"1d"`), in UTC, from the Unix epoch on. A `timestamp`
 * or `date` gives the beginning as an ISO text, a number is taken as Unix milliseconds and gives a
 * number. With `keep`, only the newest so many spans stay: those before are closed for good, which
 * bounds the table.
 * @throws TidemarkError `BAD_OPTION`
 */
export function timeBucket<const C extends string>(
  column: C,
  width: string,
  { keep }: { readonly keep?: number } = {},
): TimeBucket<C> {
  const [, digits = "", unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(width) ?? [];
  const widthMs = Number(digits) * (UNITS_MS[unit] ?? 0);
  if (!(widthMs >= 1))
    throw new TidemarkError(
      "BAD_OPTION",
      `timeBucket("${column}", "${width}"): a width is a number with ms, s, m, h or d, such as "1m". Months have no fixed width: store the month in a column of its own.`,
    );
  if (keep !== undefined && !(Number.isInteger(keep) && keep >= 1))
    throw new TidemarkError(
      "BAD_OPTION",
      `timeBucket("${column}", "${width}"): keep is ${keep}, and must be a whole number of at least 1.`,
    );
  return { column, widthMs, keep };
}
