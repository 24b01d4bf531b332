/** What a group keeps of its rows for one or several of its columns. */
import type { Ranked } from "../protocol/order.ts";
import type { JsonValue } from "../protocol/row.ts";

export interface Accumulator {
  add(row: Ranked): void;
  /** Takes away a row that was added. */
  remove(row: Ranked): void;
  /** A row that was added stays for good: it will not be removed. */
  settle(row: Ranked): void;
  /** What the settled rows have left, from which it can begin again; null for nothing. */
  readonly settled: JsonValue;
}

/** Counts the rows whose column is not null. */
export class ValueCount implements Accumulator {
  readonly #column: string;
  #live = 0;
  #settled = 0;

  constructor(column: string, settled: JsonValue = null) {
    this.#column = column;
    this.#settled = Number(settled ?? 0);
  }

  get count(): number {
    return this.#live + this.#settled;
  }

  add({ row }: Ranked): void {
    this.#live += this.#of(row);
  }

  remove({ row }: Ranked): void {
    this.#live -= this.#of(row);
  }

  settle(ranked: Ranked): void {
    this.remove(ranked);
    this.#settled += this.#of(ranked.row);
  }

  get settled(): JsonValue {
    return this.#settled;
  }

  #of(row: Ranked["row"]): 0 | 1 {
    return (row[this.#column] ?? null) === null ? 0 : 1;
  }
}
