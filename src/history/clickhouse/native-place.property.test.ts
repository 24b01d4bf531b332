/** Places in native types never contradict the order of values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparatorOf, type ColumnType, type Present } from "../../protocol/column.ts";
import { floatPlace, integerPlace, timestampPlace, type NativePlace } from "./native-place.ts";

const NUMBERS: readonly Present[] = [
  "| word | NaN | Infinity | -Infinity | -0 | 1e400 | -1e400 | 0.1 | 0.10 | 1e-330".split(" | "),
  "0.30000000000000004 | 0.3000000000000000444 | -0.5 | -1.5 | 1e39 | -1e39 | 179e306".split(" | "),
  "9223372036854775807 | 9223372036854775808 | -9223372036854775808".split(" | "),
  "-9223372036854775809 | 9007199254740993".split(" | "),
  [2n ** 127n, -(2n ** 127n), 2n ** 127n - 1n].map(String),
  [0, -0, 0.1, 1.5, -1.5, 2 ** 53, 1e21, -1e21, Number.MAX_VALUE, 5e-324, true, false],
].flat();
const digits = fc.stringMatching(/^\d{0,7}[ -~]?$/);
const TIMES: readonly string[] = [
  "| word | infinity | -infinity | 0044-03-15 BC | 12026-01-31T12:00:00 | 1900-01-01 | 2299-01-01",
  "2026-00-01 | 2026-0 | 2026-1 | 2026-99-99 | 2026-02-30 | 2024-02-29 | 2026-02-29T1 | 2026-01-31",
  "2026-01-31T24:00:00 | 2026-01-31T12:60:00 | 2026-01-31 12:00:00 | 2026-01-31T12:00",
  "2026-01-31T12:00:00+02:00 | 2026-01-31T12:00:00Z | 2026-01-31T12:00:00.Z",
  "2026-01-01T00:00:00 | 2025-12-31T23:59:59.999999 | 2025-12-31T23:59:59.9999999",
].flatMap((line) => line.split(" | "));
const time = fc
  .tuple(fc.date({ noInvalidDate: true }), fc.nat(30), digits, fc.constantFrom("", "Z", "0", "x"))
  .map(([date, length, end, last]) => date.toISOString().slice(0, length) + end + last);
const number = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.nat(30))
    .map(([whole, exponent]) => `${whole}e-${exponent}`),
);

function orderOf(left: NativePlace, right: NativePlace): number {
  const [a, b] = [left, right].map(({ native }) => valueOf(native)) as [
    bigint | number | string,
    bigint | number | string,
  ];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As the store reads it. */
function valueOf(native: string | number): bigint | number | string {
  if (typeof native === "number") return native;
  if (native === "inf") return Number.POSITIVE_INFINITY;
  if (native === "-inf") return Number.NEGATIVE_INFINITY;
  return native.includes("T") ? native.padEnd(20, ".").padEnd(26, "0") : BigInt(native);
}

function holds(
  type: ColumnType,
  placeOf: (value: Present) => NativePlace,
  left: Present,
  right: Present,
): void {
  const order = Math.sign(comparatorOf(type)(left, right));
  const [a, b] = [placeOf(left), placeOf(right)];
  const native = orderOf(a, b);
  // Never in the other order, and of two values of one place the exact one is the least.
  if (native !== 0) expect(native).toBe(order);
  else if (a.isExact && b.isExact) expect(order + 0).toBe(0);
  else if (a.isExact) expect(order).toBe(-1);
  else if (b.isExact) expect(order).toBe(1);
}

describe("places in native types", () => {
  it.each([
    ["integer", (value: Present) => integerPlace(value, 64n)],
    ["bigint", (value: Present) => integerPlace(value, 128n)],
    ["float", floatPlace],
    ["numeric", floatPlace],
  ] as const)("of %s have the order of the values", (type, placeOf) => {
    fc.assert(
      fc.property(number, number, (left, right) => holds(type, placeOf, left, right)),
      { numRuns: 3_000 },
    );
    for (const left of NUMBERS) for (const right of NUMBERS) holds(type, placeOf, left, right);
  });

  it("of times have the order of the values", () => {
    const any = fc.oneof(fc.constantFrom(...TIMES), time);
    fc.assert(
      fc.property(any, any, (left, right) => holds("timestamp", timestampPlace, left, right)),
      { numRuns: 6_000 },
    );
    for (const left of TIMES)
      for (const right of TIMES) holds("timestamp", timestampPlace, left, right);
  });

  it("of usual values are exact", () => {
    for (const value of [
      "2026-01-31T12:00:00.123456+00:00",
      "2026-01-31",
      "1901-01-01T00:00:00Z",
    ]) {
      expect(timestampPlace(value).isExact).toBe(true);
    }
    for (const value of [0.1, 1e21, "12.34", "-1e-7", "NaN"]) {
      expect(floatPlace(value).isExact).toBe(value !== "NaN");
    }
    for (const value of ["9223372036854775807", "12345678901234567890", 7]) {
      expect(integerPlace(value, 128n).isExact).toBe(true);
    }
  });
});
