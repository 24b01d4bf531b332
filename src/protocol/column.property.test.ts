/** Order and equality of wide values agree with an exact slow comparison, and with each other. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COLUMN_TYPES, comparatorOf, compareTexts, equalityKey, type Present } from "./column.ts";
import { canonicalDecimal, compareDecimals } from "./decimal.ts";
import { canonicalTimestamp, compareTimestamps } from "./timestamp.ts";

const decimal = fc
  .tuple(fc.constantFrom("", "-"), fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.nat(9))
  .map(([sign, digits, scale]) => {
    const text = digits.toString().padStart(scale + 1, "0");
    return `${sign}${scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`}`;
  });

/** The value as a whole number of 10^-9. */
function scaled(text: string): bigint {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const magnitude = BigInt(whole + fraction.padEnd(9, "0"));
  return text.startsWith("-") ? -magnitude : magnitude;
}

describe("decimals", () => {
  it("compare as the exact numbers do", () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const exact = scaled(a) - scaled(b);
        expect(Math.sign(compareDecimals(a, b))).toBe(exact > 0n ? 1 : exact < 0n ? -1 : 0);
      }),
    );
  });

  it("have one canonical form per value", () => {
    fc.assert(
      fc.property(decimal, fc.nat(4), (text, zeros) => {
        const padded = text.includes(".") ? text + "0".repeat(zeros) : text;
        expect(canonicalDecimal(padded)).toBe(canonicalDecimal(text));
        expect(scaled(canonicalDecimal(text))).toBe(scaled(text));
        expect(equalityKey("numeric", padded)).toBe(equalityKey("numeric", text));
      }),
    );
  });

  it.each([
    ["1e3", "1000"],
    ["12.5e-1", "1.25"],
    ["-0.00", "0"],
    ["+7", "7"],
    [".5", "0.5"],
  ])("reads %s as %s", (text, expected) => {
    expect(canonicalDecimal(text)).toBe(expected);
  });
});

describe("timestamps", () => {
  const instant = fc
    .integer({ min: -60_000_000_000_000, max: 250_000_000_000_000 })
    .map((ms) => new Date(ms));
  it("compare as their instants do, in any zone", () => {
    fc.assert(
      fc.property(instant, instant, fc.integer({ min: -14, max: 14 }), (a, b, hours) => {
        const zoned = new Date(b.getTime() + hours * 3_600_000)
          .toISOString()
          .replace("Z", `${hours < 0 ? "-" : "+"}${String(Math.abs(hours)).padStart(2, "0")}:00`);
        const canonical = canonicalTimestamp(zoned);
        expect(canonical).toBeDefined();
        expect(
          Math.sign(compareTimestamps(a.toISOString().replace("Z", "+00:00"), canonical as string)),
        ).toBe(Math.sign(a.getTime() - b.getTime()));
      }),
    );
  });

  it("order years past 9999, years BC and the infinities", () => {
    const ordered = [
      "-infinity",
      "0044-03-15T00:00:00 BC",
      "0001-01-01T00:00:00",
      "2026-01-01T00:00:00",
      "12026-01-01T00:00:00",
      "infinity",
    ];
    for (let index = 1; index < ordered.length; index++) {
      expect(
        compareTimestamps(ordered[index - 1] as string, ordered[index] as string),
        ordered[index],
      ).toBeLessThan(0);
    }
  });
});

describe("timestamps as JavaScript writes them", () => {
  it("equal their canonical forms", () => {
    expect(
      compareTimestamps(
        "2026-01-31T12:00:00.000Z",
        canonicalTimestamp("2026-01-31T12:00:00Z") as string,
      ),
    ).toBe(0);
    expect(compareTimestamps("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1Z")).toBeLessThan(0);
    expect(canonicalTimestamp("2026-13-05")).toBeUndefined();
  });
});

describe("texts", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.string({
      unit: fc.constantFrom("a", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"),
      maxLength: 4,
    }),
  );

  it("compare as the bytes of their UTF-8 do, as databases compare them", () => {
    fc.assert(
      fc.property(text, text, (left, right) => {
        expect(Math.sign(compareTexts(left, right))).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it("have one order, lone surrogates included", () => {
    const unit = fc.string({
      unit: fc.constantFrom("a", "\ud800", "\udfff", "\ue000", "\uffff", "\u{10000}"),
      maxLength: 3,
    });
    fc.assert(
      fc.property(unit, unit, unit, (a, b, c) => {
        expect(Math.sign(compareTexts(a, b))).toBe(-Math.sign(compareTexts(b, a)) + 0);
        if (compareTexts(a, b) <= 0 && compareTexts(b, c) <= 0)
          expect(compareTexts(a, c)).toBeLessThanOrEqual(0);
        expect(compareTexts(a, b) === 0).toBe(a === b);
      }),
      { numRuns: 2_000 },
    );
  });
});

const WILD: readonly (string | number | boolean)[] = [
  "",
  "!",
  "15",
  "word",
  "0x10",
  " 5 ",
  "1e-400",
  "3.0000000000000000",
  "+7",
  "5.",
  ".5",
  "NaN",
  "Infinity",
  "-Infinity",
  "abcd-xyz1",
  "99-1-1Z",
  "2026-1",
  "2026-01-31 ",
  "12026-01-31T12:00:00+00:00",
  "12026-02-30",
  "012026-01-01",
  "0044-03-15 BC",
  "infinity",
  "2026-01-31",
  "2026-01-31T12:00:00.50Z",
  "2026-01-31T12:00:00+02:00",
  "9007199254740993",
  9007199254740992,
  "0.30000000000000004",
  0.1,
  5e-324,
  1e21,
  -0,
  16,
  true,
];

describe("values in order", () => {
  const wild = fc.oneof(
    fc.constantFrom(...WILD),
    decimal,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const typed = fc.constantFrom(...COLUMN_TYPES.filter((type) => type !== "json"));

  it("have one order, also those that their column's type does not allow", () => {
    fc.assert(
      fc.property(typed, wild, wild, wild, (type, one, two, three) => {
        const compare = comparatorOf(type);
        const order = (left: Present, right: Present): number =>
          Math.sign(compare(left, right)) + 0;
        const [a, b, c] = [order(one, two), order(two, three), order(one, three)];
        expect(order(two, one)).toBe(-a + 0);
        if (a === 0) expect(c).toBe(b);
        else if (a === b) expect(c).toBe(a);
      }),
      { numRuns: 20_000 },
    );
  });
});
