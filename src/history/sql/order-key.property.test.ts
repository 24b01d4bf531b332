/** Order keys agree with the comparison of values, and survive every store's texts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COLUMN_TYPES, comparatorOf, compareTexts, type Present } from "../../protocol/column.ts";
import { orderKeyOf, textKey, textOfKey } from "./order-key.ts";

/** Values at the edges of each type, and of none. */
const EDGES: readonly Present[] = [
  ["", "!", "word", "0x10", " 5 ", ".", "1-2", "12_5", "10x1", "-", "+"],
  ["1e-400", "10e-400", "1e400", "10e400", "-1e1999", "1e1999", "1e-1999", "5.", ".5", "+7"],
  ["NaN", "Infinity", "-Infinity", "-0", "-0.00", "0", "007", "-1.2", "-1.25", "-12", "-0.012"],
  ["9007199254740993", "18446744073709551616", "0.30000000000000004", "3.0000000000000000"],
  [
    "99-1-1Z",
    "2026-1",
    "2026-01-31 ",
    "12026-01-31T12:00:00+00:00",
    "12026-02-30",
    "0044-03-15 BC",
  ],
  ["infinity", "-infinity", "2026-01-31", "2026-01-31T12:00:00.50Z", "2026-01-31T12:00:00.5"],
  ["2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z", "2026-01-31 12:00:00", "0000-01-01"],
  [
    "2026-01-31T12:00:00.123456789",
    "2026-\u{1f600}1",
    "2026-\uffff1",
    "2026-\ud8001",
    "2026-02-31",
  ],
  ["a\0b", "a\u0001b", "a\u0002b", "a", "A", "a\0", "\ud800", "\ud800a", "\udc00", "\ud800\ud800"],
  ["\u{10000}", "\u{10ffff}", "\ud7ff", "\ue000", "\uffff", "é", "e\u0301", "ß", "İ", "\ud7ff0001"],
  [0, -0, 1, -1, 0.1, -0.1, 1e21, -1e21, 5e-324, Number.MAX_VALUE, 2 ** 53, 16, 1.5, true, false],
  [[1], [], {}, { a: "\ud800" }],
].flat();

const typed = fc.constantFrom(...COLUMN_TYPES);
const wild = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(40))
    .map(([digits, exponent]) => `${digits}e-${exponent}`),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom("a", "\0", "\u0001", "\ud7ff", "\ud800", "\udc00", "\ue000", "\uffff"),
    maxLength: 4,
  }),
);

describe("order keys", () => {
  it("compare as the values do, and are equal where they compare as equal", () => {
    fc.assert(
      fc.property(typed, wild, wild, (type, left, right) => {
        const keys = [orderKeyOf(type, left), orderKeyOf(type, right)] as const;
        expect(Math.sign(compareTexts(...keys)) + 0).toBe(
          Math.sign(comparatorOf(type)(left, right)) + 0,
        );
      }),
      { numRuns: 4_000 },
    );
  });

  it("are what UTF-8 keeps and a C string holds", () => {
    fc.assert(
      fc.property(typed, wild, (type, value) => {
        const key = orderKeyOf(type, value);
        expect(Buffer.from(key).toString()).toBe(key);
        expect(key).not.toContain("\0");
      }),
    );
  });

  it("of texts lead back to the text", () => {
    fc.assert(
      fc.property(wild, (value) => {
        expect(textOfKey(textKey(String(value)))).toBe(String(value));
      }),
      { numRuns: 5_000 },
    );
  });
});
