/** The beginning of the span of time that a value is in. */
import type { JsonValue } from "../protocol/row.ts";
import type { TimeBucket } from "./aggregate.ts";

export interface Bucket {
  /** Unix milliseconds. */
  readonly startMs: number;
  /** As it is shown: in the way of the column's own values. */
  readonly shown: string | number;
}

const ZONED = /(?:Z|[+-]\d{2}(?::?\d{2})?)$/;

/** Undefined for null, and for values that are no time with a date, such as infinity. */
export function bucketOf(
  value: JsonValue | undefined,
  { widthMs }: TimeBucket,
): Bucket | undefined {
  const timeMs = typeof value === "number" ? value : timeOf(value);
  if (!Number.isFinite(timeMs)) return undefined;
  const startMs = Math.floor(timeMs / widthMs) * widthMs;
  if (typeof value === "number") return { startMs, shown: startMs };
  return Math.abs(startMs) <= TIME_MAX_MS
    ? { startMs, shown: new Date(startMs).toISOString() }
    : undefined;
}

/** The last time that has a date. */
const TIME_MAX_MS = 8.64e15;

function timeOf(value: JsonValue | undefined): number {
  if (typeof value !== "string") return Number.NaN;
  if (value.length === 10) return Date.parse(value);
  // A time without a zone is in UTC.
  const text = value.replace(" ", "T");
  return Date.parse(ZONED.test(text.slice(10)) ? text : `${text}Z`);
}
