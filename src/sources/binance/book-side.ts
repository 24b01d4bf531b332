/**
 * One side of an order book: the best levels by price, exact as far as they are known. A snapshot
 * of `kept` levels says nothing of worse prices, so the side knows its horizon, ignores what is
 * beyond it, and never holds more than `kept` levels.
 */
import { compareDecimals } from "../../protocol/decimal.ts";
import type { Level } from "./messages.ts";

export class BookSide {
  readonly #kept: number;
  /** 1 where a higher price is worse (asks), -1 where a lower one is (bids). */
  readonly #direction: 1 | -1;
  /** Best first. */
  #levels: Level[] = [];
  /** The worst price that is known. Undefined: the whole side is known. */
  #horizon: string | undefined;

  constructor(side: "bid" | "ask", kept: number) {
    this.#direction = side === "ask" ? 1 : -1;
    this.#kept = kept;
  }

  /** Best first. */
  get levels(): readonly Level[] {
    return this.#levels;
  }

  /** Whether the best `count` levels are known, or all, where the side has fewer. */
  knows(count: number): boolean {
    return this.#horizon === undefined || this.#levels.length >= count;
  }

  load(levels: readonly Level[]): void {
    this.#levels = levels
      .filter(([, quantity]) => !isZero(quantity))
      .toSorted(([left], [right]) => this.#compare(left, right))
      .slice(0, this.#kept);
    this.#horizon = levels.length < this.#kept ? undefined : this.#levels.at(-1)?.[0];
  }

  /** A quantity of 0 removes the level. */
  set(level: Level): void {
    const [price, quantity] = level;
    if (this.#horizon !== undefined && this.#compare(price, this.#horizon) > 0) return;
    const index = this.#indexOf(price);
    const found = this.#levels[index];
    const isThere = found !== undefined && this.#compare(found[0], price) === 0;
    if (isZero(quantity)) {
      if (isThere) this.#levels.splice(index, 1);
      return;
    }
    this.#levels.splice(index, isThere ? 1 : 0, level);
    if (this.#levels.length <= this.#kept) return;
    this.#levels.pop();
    this.#horizon = this.#levels.at(-1)?.[0];
  }

  /** The index of the first level that is not better than `price`. */
  #indexOf(price: string): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#levels[middle]?.[0] ?? "0", price) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(left: string, right: string): number {
    return this.#direction * compareDecimals(left, right);
  }
}

function isZero(quantity: string): boolean {
  return Number(quantity) === 0;
}
