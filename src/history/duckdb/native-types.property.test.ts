/** Places of values in DuckDB's columns keep the order of the values, whatever they are. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { COLUMN_TYPES, comparatorOf, compareTexts, type Present } from "../../protocol/column.ts";
import { storedValueOf, type NativeValue } from "./native-types.ts";

const EDGES: readonly Present[] = [
  ["", "word", "1e400", "-1e400", "1e9999", "NaN", "Infinity", "-Infinity", "0.1", "-0.1"],
  ["9223372036854775807", "9223372036854775808", "-9223372036854775807", "1.5", "-1.5"],
  ["0.1234567890123456789", "-0.1234567890123456789", "0.30000000000000004", "1e-400"],
  ["99999999999999999999.999999999999999999", "123456789012345678901", "-1e38", "1e38"],
  ["2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T12:00:00.123456Z", "2026-1"],
  ["2026-01-31T12:00:00.1234567", "2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00.5+02:00"],
  ["2026-01-31T12:00:00.50Z", "2026-01-31 12:00:00", "2026-02-31T00:00:00", "2026-02-31"],
  ["12026-01-31", "0044-03-15 BC", "infinity", "-infinity", "0000-01-01", "0000-00-00"],
  ["9999-12-31T23:59:59.9999999", "2026-01-31T12:00:60", "1969-12-31T23:59:59.999999Z"],
  ["1969-12-31T23:59:59.9999991", "2026-01-31T12:00", "012026-01-01", "2026-foo"],
  ["2026-12-31T24:00:00", "2026-01-31T12:00:00.", "2026-01-31T12:00:00.5x9"],
  [0, -0, 1, -1, 0.1, 1e21, -1e21, 5e-324, 2 ** 53, 1.5, -1.5, true, false, [1], { a: 1 }],
].flat();

const wild = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 42n), max: 10n ** 42n }), fc.nat(42))
    .map(([digits, exponent]) => `${digits}e-${exponent}`),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.string({ unit: fc.constantFrom("a", "\u{1f600}", "\ud800", "\0", "\uffff"), maxLength: 3 }),
);
const typed = fc.constantFrom(...COLUMN_TYPES.filter((type) => !["any", "json"].includes(type)));

function compareNative(left: NativeValue, right: NativeValue): number {
  if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return 0;
  if (Number.isNaN(left)) return 1;
  if (Number.isNaN(right)) return -1;
  return (left as number) < (right as number) ? -1 : 1;
}

it("compares by the native value, then by the order key", () => {
  fc.assert(
    fc.property(typed, wild, wild, (type, left, right) => {
      const [a, b] = [storedValueOf(type, left), storedValueOf(type, right)];
      const order = Math.sign(comparatorOf(type)(left, right)) + 0;
      if (a.isOdd !== true && b.isOdd !== true && typeof a.native !== "string") {
        expect(compareNative(a.native, b.native)).toBe(order);
      } else if (type === "text" || type === "boolean") {
        const keys = [a, b].map(
          ({ native, orderKey }) =>
            orderKey ?? (typeof native === "boolean" ? (native ? "a1" : "a0") : `c${native}`),
        );
        expect(Math.sign(compareTexts(keys[0] as string, keys[1] as string)) + 0).toBe(order);
      } else {
        expect(
          compareNative(a.native, b.native) ||
            Math.sign(compareTexts(a.orderKey ?? "", b.orderKey ?? "")) + 0,
        ).toBe(order);
      }
    }),
    { numRuns: 6_000 },
  );
});
