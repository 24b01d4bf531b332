/**
 * The exact sum of JSON numbers. Parts that don't overlap hold it without rounding (Shewchuk 1997),
 * so a number that is taken away again leaves exactly what was there before it came, in whatever
 * order. Only reading the sum rounds, once, to the nearest double.
 *
 * Retains the parts: one or two doubles for numbers of similar size, and never more than 40.
 */
import { TidemarkError } from "../std/errors.ts";

/** Above it, parts could overflow. */
const NUMBER_MAX = 2 ** 960;

export class NumberSum {
  #parts: number[] = [];

  static from(parts: readonly number[]): NumberSum {
    const sum = new NumberSum();
    for (const part of parts) sum.add(part);
    return sum;
  }

  get parts(): readonly number[] {
    return this.#parts;
  }

  /** @throws TidemarkError `BAD_ROW` for a number that can't be added exactly */
  add(value: number): void {
    if (!(Math.abs(value) < NUMBER_MAX))
      throw new TidemarkError(
        "BAD_ROW",
        `${value} is too large for an exact sum of numbers. Declare the column as numeric, with decimal texts.`,
      );
    const parts = this.#parts;
    let carried = value;
    let count = 0;
    for (const part of parts) {
      const [large, small] = Math.abs(carried) < Math.abs(part) ? [part, carried] : [carried, part];
      const sum = large + small;
      const lost = small - (sum - large);
      if (lost !== 0) parts[count++] = lost;
      carried = sum;
    }
    parts.length = count;
    if (carried !== 0) parts.push(carried);
  }

  /** The double next to the exact sum of this and another; of two equally near ones, the even. */
  plus(other: NumberSum): number {
    return NumberSum.from([...this.#parts, ...other.#parts]).value;
  }

  get value(): number {
    const parts = this.#parts;
    let at = parts.length - 1;
    if (at < 0) return 0;
    let high = parts[at] as number;
    let low = 0;
    while (at > 0 && low === 0) {
      const before = high;
      const part = parts[--at] as number;
      high = before + part;
      low = part - (high - before);
    }
    // Halfway between two doubles, the next part decides.
    const next = parts[at - 1] ?? 0;
    if (at > 0 && ((low < 0 && next < 0) || (low > 0 && next > 0))) {
      const doubled = low * 2;
      const rounded = high + doubled;
      if (doubled === rounded - high) return rounded;
    }
    return high;
  }
}
