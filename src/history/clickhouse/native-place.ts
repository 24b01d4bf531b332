/**
 * The place of a value in one of ClickHouse's types: the greatest value of the type that is not
 * above it in the order of `comparatorOf`, and whether it is equal to it.
 */
import type { Present } from "../../protocol/column.ts";
import { canonicalDecimal, compareDecimals } from "../../protocol/decimal.ts";
import { timestampClass } from "../../protocol/timestamp.ts";

export interface NativePlace {
  readonly native: string | number;
  readonly isExact: boolean;
}

/** Among signed integers of so many bits; the least and the greatest are never exact. */
export function integerPlace(value: Present, bits: bigint): NativePlace {
  if (Number.isSafeInteger(value)) return { native: Number(value), isExact: true };
  const [min, max] = [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  const decimal = canonicalDecimal(String(value));
  if (decimal === "-Infinity") return { native: String(min), isExact: false };
  if (decimal === "Infinity" || decimal === "NaN") return { native: String(max), isExact: false };
  const [whole = "", fraction] = decimal.split(".");
  const floor = BigInt(whole) - (fraction !== undefined && decimal.startsWith("-") ? 1n : 0n);
  if (floor <= min) return { native: String(min), isExact: false };
  if (floor >= max) return { native: String(max), isExact: false };
  return { native: String(floor), isExact: fraction === undefined };
}

/** Among doubles without NaN, which ClickHouse sorts beside null. */
export function floatPlace(value: Present): NativePlace {
  // -0 and 0 are one value.
  if (Number.isFinite(value)) return { native: Number(value) + 0, isExact: true };
  const decimal = canonicalDecimal(String(value));
  if (decimal === "-Infinity") return { native: "-inf", isExact: true };
  if (decimal === "Infinity" || decimal === "NaN") {
    return { native: "inf", isExact: decimal === "Infinity" };
  }
  const nearest = Number(decimal);
  const difference = compareDecimals(decimal, String(nearest));
  const floor = difference < 0 ? doubleBelow(nearest) : nearest;
  return {
    native: floor === Number.NEGATIVE_INFINITY ? "-inf" : floor + 0,
    isExact: difference === 0,
  };
}

const DOUBLE = new Float64Array(1);
const BITS = new BigInt64Array(DOUBLE.buffer);

/** The next lower double. */
function doubleBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  DOUBLE[0] = value;
  BITS[0] = (BITS[0] ?? 0n) + (value > 0 ? -1n : 1n);
  return DOUBLE[0];
}

/** The years that DateTime64 has, without the first and the last. */
const [YEAR_MIN, YEAR_MAX] = [1901, 2298];
const FIRST_TIME = "1900-01-01T00:00:00";
const LAST_TIME = "2299-01-01T00:00:00";
const WELL_FORMED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?$/;

/** Among times with microseconds; the first and the last are never exact. */
export function timestampPlace(value: Present): NativePlace {
  const { year, plain } = timestampClass(String(value));
  if (year < YEAR_MIN) return { native: FIRST_TIME, isExact: false };
  if (year > YEAR_MAX) return { native: LAST_TIME, isExact: false };
  // Texts that are no plain times come after all other texts of their year.
  const floor =
    plain === undefined ? `${year}-12-31T23:59:59.999999` : floorOfTime(String(year), plain);
  return { native: floor, isExact: floor === plain };
}

/** The parts of a time behind its year, each a character and two digits. */
const PARTS = [
  { before: "-", min: 1, max: () => 12 },
  { before: "-", min: 1, max: (from: string) => daysOf(from) },
  { before: "T", min: 0, max: () => 23 },
  { before: ":", min: 0, max: () => 59 },
  { before: ":", min: 0, max: () => 59 },
] as const;

/** The greatest real time, as a text, that is not above a text which begins with the year. */
function floorOfTime(year: string, plain: string): string {
  if (WELL_FORMED.test(plain) && isReal(plain)) return plain;
  let floor = year;
  for (const { before, min, max } of PARTS) {
    const given = plain.slice(floor.length, floor.length + 3);
    let part = max(floor);
    while (part >= min && partText(before, part) > given) part--;
    if (part < min) return timeBefore(floor);
    floor += partText(before, part);
    if (!plain.startsWith(floor)) return lastTimeOf(floor);
  }
  const rest = plain.slice(floor.length);
  if (rest < ".") return floor;
  if (!rest.startsWith(".")) return `${floor}.999999`;
  const digits = /^\d{0,6}/.exec(rest.slice(1))?.[0] ?? "";
  const next = rest.charAt(1 + digits.length);
  if (digits.length < 6 && next > "9") return `${floor}.${digits.padEnd(6, "9")}`;
  const fraction = digits.replace(/0+$/, "");
  return fraction === "" ? floor : `${floor}.${fraction}`;
}

function partText(before: string, part: number): string {
  return before + String(part).padStart(2, "0");
}

function isReal(time: string): boolean {
  const part = (from: number): number => Number(time.slice(from, from + 2));
  const [month, day] = [part(5), part(8)];
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    (day <= 28 || day <= daysOf(time)) &&
    part(11) <= 23 &&
    part(14) <= 59 &&
    part(17) <= 59
  );
}

/** The days of the month of a time, or of its beginning. */
function daysOf(time: string): number {
  return new Date(Date.UTC(Number(time.slice(0, 4)), Number(time.slice(5, 7)), 0)).getUTCDate();
}

/** The last microsecond before the times that begin so. */
function timeBefore(beginning: string): string {
  const first = `${beginning}${"yyyy-01-01T00:00:00".slice(beginning.length)}Z`;
  return `${new Date(Date.parse(first) - 1).toISOString().slice(0, 23)}999`;
}

/** The last microsecond of the times that begin so. */
function lastTimeOf(beginning: string): string {
  const days = beginning.length >= 7 ? daysOf(beginning) : 31;
  return beginning + `yyyy-12-${days}T23:59:59.999999`.slice(beginning.length);
}
