/**
 * How values are stored in columns of DuckDB's own types, so that users can query the file. A value
 * that the type can't hold exactly is stored as the greatest that is below it, with its order key
 * beside it.
 */
import type { ColumnType, Present } from "../../protocol/column.ts";
import { canonicalDecimal, compareDecimals } from "../../protocol/decimal.ts";
import { timestampClass } from "../../protocol/timestamp.ts";
import { orderKeyOf, STRING_KIND } from "../sql/order-key.ts";

/** Timestamps are microseconds, dates days, decimals units of the last digit. */
export type NativeValue = string | number | bigint | boolean | null;

export interface StoredValue {
  readonly native: NativeValue;
  /** Absent where `native` alone has the value's place in the order. */
  readonly orderKey?: string;
  /** True where `native` is not the value. */
  readonly isOdd?: true;
}

export type SqlType =
  | "BOOLEAN"
  | "BIGINT"
  | "DOUBLE"
  | "DECIMAL(38,18)"
  | "VARCHAR"
  | "TIMESTAMP"
  | "DATE";

export const SQL_TYPES: Readonly<Record<ColumnType, SqlType>> = {
  any: "VARCHAR",
  boolean: "BOOLEAN",
  integer: "BIGINT",
  float: "DOUBLE",
  bigint: "BIGINT",
  numeric: "DECIMAL(38,18)",
  text: "VARCHAR",
  timestamp: "TIMESTAMP",
  date: "DATE",
  json: "VARCHAR",
};

export function storedValueOf(type: ColumnType, value: Present): StoredValue {
  switch (type) {
    case "boolean":
      if (typeof value === "boolean") return { native: value };
      return { native: null, orderKey: orderKeyOf(type, value), isOdd: true };
    case "integer":
    case "bigint":
      return numberOf(type, value, wholeNumber(value));
    case "float":
      return numberOf(type, value, double(value));
    case "numeric":
      return numberOf(type, value, scaledDecimal(value));
    case "text":
      return storedText(value);
    case "timestamp":
      return timeOf(type, value, (micros) => micros);
    case "date":
      return timeOf(type, value, daysOf);
    case "json":
      return { native: textOf(value) };
    case "any":
      return { native: textOf(value), orderKey: orderKeyOf(type, value) };
  }
}

interface Floor {
  readonly native: NativeValue;
  readonly isExact: boolean;
}

function numberOf(type: ColumnType, value: Present, { native, isExact }: Floor): StoredValue {
  return isExact ? { native } : { native, orderKey: orderKeyOf(type, value), isOdd: true };
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function textOf(value: Present): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return LONE_SURROGATE.test(text) ? text.replace(/\p{Surrogate}/gu, "\ufffd") : text;
}

function storedText(value: Present): StoredValue {
  const native = textOf(value);
  const orderKey = orderKeyOf("text", value);
  if (orderKey === STRING_KIND + native) return { native };
  return native === value ? { native, orderKey } : { native, orderKey, isOdd: true };
}

const BIGINT_MAX = 2n ** 63n - 1n;
const SHORT_WHOLE = /^-?\d{1,18}$/;

function wholeNumber(value: Present): Floor {
  if (Number.isSafeInteger(value)) return { native: BigInt(value as number), isExact: true };
  if (typeof value === "string" && SHORT_WHOLE.test(value)) {
    return { native: BigInt(value), isExact: true };
  }
  return scaled(canonicalDecimal(String(value)), 0, BIGINT_MAX);
}

const SCALE = 18;
const DECIMAL_MAX = 10n ** 38n - 1n;
const SHORT_DECIMAL = /^(-?\d{1,20})(?:\.(\d{1,18}))?$/;

function scaledDecimal(value: Present): Floor {
  const text = String(value);
  const match = SHORT_DECIMAL.exec(text);
  if (match === null) return scaled(canonicalDecimal(text), SCALE, DECIMAL_MAX);
  const native = BigInt((match[1] ?? "") + (match[2] ?? "").padEnd(SCALE, "0"));
  return { native, isExact: true };
}

/** The whole number of units of 10^-scale at or below a decimal; between -max and max. */
function scaled(canonical: string, scale: number, max: bigint): Floor {
  if (canonical === "-Infinity") return { native: -max, isExact: false };
  if (canonical === "Infinity" || canonical === "NaN") return { native: max, isExact: false };
  const isNegative = canonical.startsWith("-");
  const [whole = "", fraction = ""] = (isNegative ? canonical.slice(1) : canonical).split(".");
  // Longer texts are far above the greatest number, and slow to read.
  const magnitude =
    whole.length > 40 ? max + 1n : BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  const isCut = fraction.length > scale;
  const native = isNegative ? -magnitude - (isCut ? 1n : 0n) : magnitude;
  if (native > max) return { native: max, isExact: false };
  // The least native value stands for everything below it, and has an order key itself.
  if (native <= -max) return { native: -max, isExact: false };
  return { native, isExact: !isCut };
}

function double(value: Present): Floor {
  // DuckDB tells -0 from 0 nowhere but in texts.
  if (typeof value === "number") return { native: value + 0, isExact: true };
  const text = canonicalDecimal(String(value));
  const nearest = Number(text) + 0;
  const order = compareDecimals(String(nearest), text);
  return { native: order > 0 ? doubleBelow(nearest) : nearest, isExact: order === 0 };
}

function doubleBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const bits = new BigInt64Array(1);
  const number = new Float64Array(bits.buffer);
  number[0] = value;
  bits[0] = (bits[0] as bigint) + (value > 0 ? -1n : 1n);
  return number[0] as number;
}

/** As DuckDB has -infinity and infinity. */
const [TIME_MIN, TIME_MAX] = [-(2n ** 63n) + 1n, 2n ** 63n - 1n];
const [FIRST_MICROS, LAST_MICROS] = [
  BigInt(Date.parse("0000-01-01T00:00:00Z")) * 1_000n,
  BigInt(Date.parse("9999-12-31T23:59:59Z")) * 1_000n + 999_999n,
];

function timeOf(
  type: ColumnType,
  value: Present,
  native: (micros: bigint) => bigint | number,
): StoredValue {
  const { micros, isExact } = microsOf(String(value));
  const at = native(micros);
  if (isExact && (type === "timestamp" || isMidnight(micros))) return { native: at };
  return { native: at, orderKey: orderKeyOf(type, value), isOdd: true };
}

const DAY_MICROS = 86_400_000_000n;
/** As DuckDB has -infinity and infinity. */
const [DAYS_MIN, DAYS_MAX] = [-2_147_483_647, 2_147_483_647];

function isMidnight(micros: bigint): boolean {
  return micros === TIME_MIN || micros === TIME_MAX || micros % DAY_MICROS === 0n;
}

function daysOf(micros: bigint): number {
  if (micros === TIME_MIN) return DAYS_MIN;
  if (micros === TIME_MAX) return DAYS_MAX;
  const days = micros / DAY_MICROS;
  return Number(micros % DAY_MICROS < 0n ? days - 1n : days);
}

/** The greatest microsecond at or below a text, in the order of `compareTimestamps`. */
function microsOf(text: string): { readonly micros: bigint; readonly isExact: boolean } {
  const { year, plain } = timestampClass(text);
  if (year === Number.MIN_SAFE_INTEGER) return { micros: TIME_MIN, isExact: true };
  if (year === Number.MAX_SAFE_INTEGER - 1) return { micros: TIME_MAX, isExact: true };
  if (year === Number.MAX_SAFE_INTEGER) return { micros: TIME_MAX, isExact: false };
  if (year < 0) return { micros: TIME_MIN, isExact: false };
  if (year > 9999) return { micros: LAST_MICROS, isExact: false };
  // Texts that are not plain come after all plain ones of their year.
  const bound = plain ?? `${String(year).padStart(4, "0")}~`;
  const guess = parsedMicros(bound);
  if (guess !== undefined && isAtOrBelow(guess, bound) && !isAtOrBelow(guess + 1n, bound)) {
    return { micros: guess, isExact: plain !== undefined && textOfMicros(guess) === plain };
  }
  return { micros: searchedMicros(bound), isExact: false };
}

const PREFIX = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?/;

function parsedMicros(text: string): bigint | undefined {
  const match = PREFIX.exec(text);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}Z`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000n + BigInt((match[2] ?? "").padEnd(6, "0"));
}

function isAtOrBelow(micros: bigint, text: string): boolean {
  return micros <= LAST_MICROS && textOfMicros(micros) <= text;
}

/** As `compareTimestamps` compares it: without a zone and trailing zeros of the fraction. */
function textOfMicros(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((micros - fraction) / 1_000n)).toISOString().slice(0, 19);
  if (fraction === 0n) return second;
  return `${second}.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`;
}

function searchedMicros(text: string): bigint {
  let [low, high] = [FIRST_MICROS - 1n, LAST_MICROS];
  while (low < high) {
    const middle = high - (high - low) / 2n;
    if (middle < FIRST_MICROS || isAtOrBelow(middle, text)) low = middle;
    else high = middle - 1n;
  }
  return low < FIRST_MICROS ? TIME_MIN : low;
}
