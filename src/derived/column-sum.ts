/**
 * Sum and number of the values of one column in a group. Nulls don't count. Numbers give a number,
 * decimal texts a decimal text; both are exact until they are shown.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ColumnType } from "../protocol/column.ts";
import { isDecimal } from "../protocol/decimal.ts";
import type { Ranked } from "../protocol/order.ts";
import type { JsonValue } from "../protocol/row.ts";
import type { Accumulator } from "./accumulator.ts";
import { DecimalSum } from "./decimal-sum.ts";
import { DERIVED_LIMITS } from "./limits.ts";
import { NumberSum } from "./number-sum.ts";

export interface SummedColumn {
  readonly column: string;
  readonly type: ColumnType;
}

/** Values that are no finite numbers, in the order of `#specials`. */
const SPECIALS = ["NaN", "Infinity", "-Infinity"];

class Part {
  count = 0;
  readonly sum: NumberSum | DecimalSum;
  readonly specials = [0, 0, 0];

  constructor(sum: NumberSum | DecimalSum) {
    this.sum = sum;
  }
}

export class ColumnSum implements Accumulator {
  readonly #summed: SummedColumn;
  readonly #live: Part;
  #settled: Part | undefined;

  constructor(summed: SummedColumn, settled: JsonValue = null) {
    this.#summed = summed;
    this.#live = new Part(isDecimalType(summed.type) ? new DecimalSum() : new NumberSum());
    if (settled !== null) this.#settled = partFrom(settled, summed.type);
  }

  add({ row }: Ranked): void {
    this.#count(this.#live, row[this.#summed.column], 1);
  }

  remove({ row }: Ranked): void {
    this.#count(this.#live, row[this.#summed.column], -1);
  }

  settle(ranked: Ranked): void {
    this.remove(ranked);
    this.#settled ??= new Part(
      isDecimalType(this.#summed.type) ? new DecimalSum() : new NumberSum(),
    );
    this.#count(this.#settled, ranked.row[this.#summed.column], 1);
  }

  get sum(): JsonValue {
    if (this.#size === 0) return null;
    return this.#special ?? this.#exact();
  }

  get average(): JsonValue {
    const count = this.#size;
    if (count === 0) return null;
    if (this.#special !== undefined) return this.#special;
    const { sum } = this.#live;
    if (sum instanceof NumberSum) return (this.#exact() as number) / count;
    return this.#decimals(sum).average(count, DERIVED_LIMITS.averageDigits);
  }

  get settled(): JsonValue {
    const part = this.#settled;
    // Copies: a checkpoint stays as it is while the group goes on.
    return part === undefined ? null : [part.count, [...part.sum.parts], [...part.specials]];
  }

  get #size(): number {
    return this.#live.count + (this.#settled?.count ?? 0);
  }

  get #special(): string | undefined {
    const [nan = 0, high = 0, low = 0] = this.#live.specials.map(
      (count, index) => count + (this.#settled?.specials[index] ?? 0),
    );
    if (nan > 0 || (high > 0 && low > 0)) return "NaN";
    return high > 0 ? "Infinity" : low > 0 ? "-Infinity" : undefined;
  }

  #exact(): number | string {
    const { sum } = this.#live;
    if (sum instanceof DecimalSum) return this.#decimals(sum).text;
    const settled = this.#settled?.sum;
    return settled instanceof NumberSum ? sum.plus(settled) : sum.value;
  }

  #decimals(live: DecimalSum): DecimalSum {
    const settled = this.#settled?.sum;
    return settled instanceof DecimalSum ? live.plus(settled) : live;
  }

  #count(part: Part, value: JsonValue | undefined, sign: 1 | -1): void {
    if (value === null || value === undefined) return;
    const special = SPECIALS.indexOf(String(value));
    if (special >= 0) part.specials[special] = (part.specials[special] ?? 0) + sign;
    else if (part.sum instanceof NumberSum) part.sum.add(sign * this.#number(value));
    else part.sum.add(this.#decimal(value), sign);
    part.count += sign;
  }

  #number(value: JsonValue): number {
    if (typeof value === "number") return value;
    throw this.#bad(value, "is no number. Declare the column as numeric if it holds decimal texts");
  }

  #decimal(value: JsonValue): string {
    const text = String(value);
    if (isDecimal(text)) return text;
    throw this.#bad(value, "is no decimal");
  }

  #bad(value: JsonValue, what: string): TidemarkError {
    return new TidemarkError(
      "BAD_ROW",
      `${JSON.stringify(value)} in column "${this.#summed.column}" ${what}.`,
    );
  }
}

function isDecimalType(type: ColumnType): boolean {
  return type === "numeric" || type === "bigint";
}

function partFrom(settled: JsonValue, type: ColumnType): Part {
  const [count, parts, specials] = settled as unknown as readonly [number, never, number[]];
  const part = new Part(isDecimalType(type) ? DecimalSum.from(parts) : NumberSum.from(parts));
  part.count = count;
  for (const [index, each] of specials.entries()) part.specials[index] = each;
  return part;
}
