import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalDecimal } from "../protocol/decimal.ts";
import { ColumnSum } from "./column-sum.ts";
import { DecimalSum } from "./decimal-sum.ts";
import { NumberSum } from "./number-sum.ts";

/** The double next to a sum of doubles, by integers of units of 2^-1074. */
function exactSum(values: readonly number[]): number {
  let units = 0n;
  for (const value of values) units += unitsOf(value);
  return nearest(units);
}

const view = new DataView(new ArrayBuffer(8));

function unitsOf(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const units = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return bits >> 63n === 1n ? -units : units;
}

/** Of two equally near doubles the one with the even fraction, as arithmetic rounds. */
function nearest(units: bigint): number {
  const size = units < 0n ? -units : units;
  const cut = BigInt(Math.max(0, size.toString(2).length - 53));
  let kept = size >> cut;
  const rest = size - (kept << cut);
  const half = cut === 0n ? 0n : 1n << (cut - 1n);
  if (cut > 0n && (rest > half || (rest === half && kept % 2n === 1n))) kept += 1n;
  // The first factor is exact, and so is the product unless it is too large.
  const rounded = Number(kept) * 2 ** -537 * 2 ** (Number(cut) - 537);
  return units < 0n ? -rounded : rounded;
}

const number = fc.oneof(
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
  fc.constantFrom(0.1, 0.2, 0.3, 1e100, -1e100, 2 ** 53, 1, -1, 2 ** -60, 1e-300),
  fc.integer({ min: -1_000, max: 1_000 }).map((value) => value / 100),
);

describe("sums", () => {
  it("that a checkpoint has stay as they are when more rows settle", () => {
    const sum = new ColumnSum({ column: "price", type: "integer" });
    const settle = (price: number): void => {
      sum.add({ key: String(price), row: { price } });
      sum.settle({ key: String(price), row: { price } });
    };
    settle(1);
    const { settled } = sum;
    settle(2);
    expect(new ColumnSum({ column: "price", type: "integer" }, settled).sum).toBe(1);
  });

  it("of numbers are the doubles next to the exact sums, whatever was added and taken away", () => {
    fc.assert(
      fc.property(fc.array(number), fc.array(number), fc.array(number), (left, right, gone) => {
        const [one, other] = [new NumberSum(), new NumberSum()];
        for (const value of [...gone, ...left]) one.add(value);
        for (const value of right) other.add(value);
        for (const value of gone.toReversed()) one.add(-value);
        expect(one.plus(other)).toBe(exactSum([...left, ...right]) + 0);
        expect(NumberSum.from(one.parts).value).toBe(one.value);
      }),
    );
    const sum = new NumberSum();
    for (const value of [0.1, 0.2, -0.2]) sum.add(value);
    expect(sum.value).toBe(0.1);
    expect(() => sum.add(1e300)).toThrow("too large for an exact sum");
  });

  it("of decimals are exact, and averages are rounded half up at 16 digits", () => {
    const sum = new DecimalSum();
    for (const text of ["0.10", "123456789012345678901234567890.000000000001", "-1e-7", "+2."])
      sum.add(text, 1);
    expect(sum.text).toBe("123456789012345678901234567892.099999900001");
    for (const text of ["123456789012345678901234567890.000000000001", "2"]) sum.add(text, -1);
    expect(sum.text).toBe("0.0999999");
    expect(DecimalSum.from(sum.parts).average(3, 16)).toBe("0.0333333");
    const two = new DecimalSum();
    two.add("-2", 1);
    expect(two.average(3, 16)).toBe("-0.6666666666666667");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.nat(9))), (given) => {
        const total = new DecimalSum();
        let units = 0n;
        for (const [value, scale] of given) {
          total.add(`${value}e-${scale}`, 1);
          units += value * 10n ** BigInt(9 - scale);
        }
        expect(total.text).toBe(canonicalDecimal(`${units}e-9`));
      }),
    );
  });
});
