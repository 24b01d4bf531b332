/**
 * The exact sum of decimal texts of any size, as an integer of units of 10^-scale.
 *
 * Retains one integer.
 */
import { canonicalDecimal } from "../protocol/decimal.ts";

const PLAIN = /^([+-]?)(\d*)\.?(\d*)$/;

export class DecimalSum {
  #units = 0n;
  #scale = 0;

  static from([units, scale]: readonly [units: string, scale: number]): DecimalSum {
    const sum = new DecimalSum();
    sum.#units = BigInt(units);
    sum.#scale = scale;
    return sum;
  }

  get parts(): readonly [units: string, scale: number] {
    return [String(this.#units), this.#scale];
  }

  /** `text` is a finite decimal. */
  add(text: string, sign: 1 | -1): void {
    const [units, scale] = unitsOf(text);
    this.#addUnits(sign === 1 ? units : -units, scale);
  }

  plus(other: DecimalSum): DecimalSum {
    const sum = new DecimalSum();
    sum.#units = this.#units;
    sum.#scale = this.#scale;
    sum.#addUnits(other.#units, other.#scale);
    return sum;
  }

  /** Without zeros at the end, so that equal sums are equal texts. */
  get text(): string {
    return textOf(this.#units, this.#scale);
  }

  /** Divided by a positive count, and rounded half up to so many digits after the point. */
  average(count: number, digits: number): string {
    const numerator = this.#units * 10n ** BigInt(digits) * 2n;
    const denominator = 10n ** BigInt(this.#scale) * BigInt(count);
    const isNegative = numerator < 0n;
    const doubled = (isNegative ? -numerator : numerator) / denominator;
    const rounded = (doubled + 1n) / 2n;
    return textOf(isNegative ? -rounded : rounded, digits);
  }

  #addUnits(units: bigint, scale: number): void {
    if (scale === this.#scale) this.#units += units;
    else if (scale < this.#scale) this.#units += units * 10n ** BigInt(this.#scale - scale);
    else {
      this.#units = this.#units * 10n ** BigInt(scale - this.#scale) + units;
      this.#scale = scale;
    }
  }
}

function unitsOf(text: string): readonly [units: bigint, scale: number] {
  // An exponent is written out first.
  const [, sign, whole = "", fraction = ""] =
    PLAIN.exec(text) ?? PLAIN.exec(canonicalDecimal(text)) ?? [];
  const units = BigInt(whole + fraction);
  return [sign === "-" ? -units : units, fraction.length];
}

function textOf(units: bigint, scale: number): string {
  const isNegative = units < 0n;
  const digits = String(isNegative ? -units : units).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
