/**
 * The rows of a channel in the order of one column, so that a view with a range of the column is
 * built from the rows in its range. It is built in steps and follows changes.
 *
 * Retains one index entry per row with a value, and the keys of rows whose value has no place in
 * the order.
 */
import { isInOrder } from "../protocol/column.ts";
import type { Row } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import type { ChangeOrderedRows, RowNode } from "./change-ordered-rows.ts";
import { firstOf } from "./equality-index.ts";
import { IndexOrder, type Place } from "./index-order.ts";
import type { Interval } from "./interval.ts";
import type { RowChange } from "./live-table.ts";
import { OrderedIndex } from "./ordered-index.ts";

/** Rows that are read from the index at a time. */
const CHUNK_ROWS = 64;

export class OrderedRows {
  readonly #rows: ChangeOrderedRows;
  readonly #placeOf: (row: Row) => "in order" | "unordered" | "null";
  readonly #index: OrderedIndex;
  /** Rows whose value the column's type does not allow. */
  readonly #unordered = new Set<string>();

  constructor(column: string, context: WhereContext, rows: ChangeOrderedRows) {
    this.#rows = rows;
    const type = context.typeOf(column) ?? "any";
    this.#placeOf = (row) => {
      const value = row[column] ?? null;
      return value === null ? "null" : isInOrder(type, value) ? "in order" : "unordered";
    };
    this.#index = new OrderedIndex({
      order: new IndexOrder([{ column }], context),
      includes: (row) => this.#placeOf(row) === "in order",
      rows: this.#noting(firstOf(rows.values(), rows.size)),
    });
  }

  /** Rows in the order. */
  get size(): number {
    return this.#index.entries;
  }

  /** Estimated. */
  get bytes(): number {
    return this.#index.bytes;
  }

  follow(change: RowChange): void {
    const { key, after } = change;
    this.#index.follow(change);
    if (after !== undefined && this.#placeOf(after.row) === "unordered") this.#unordered.add(key);
    else this.#unordered.delete(key);
  }

  /**
   * The rows in the interval, those that have no place in the order, and `undefined` for each step
   * that found none. Changes may come between the steps. A row that changes meanwhile may be left
   * out.
   */
  *rowsWithin(interval: Interval | undefined): Generator<RowNode | undefined> {
    while (!this.#index.build(1)) yield undefined;
    for (const key of firstOf(this.#unordered, this.#unordered.size)) yield this.#rows.get(key);
    if (interval === undefined) return;
    const { order } = this.#index;
    const { start, end } = order.span(interval);
    let at: Place | undefined = start;
    while (at !== undefined) {
      const chunk = this.#chunk(at, end);
      for (const { key } of chunk) yield this.#rows.get(key);
      at = chunk.length < CHUNK_ROWS ? undefined : chunk.at(-1);
    }
  }

  #chunk(after: Place, end: Place): readonly Place[] {
    const chunk: Place[] = [];
    for (const entry of this.#index.after(after)) {
      if (chunk.length === CHUNK_ROWS || this.#index.order.compare(entry, end) > 0) break;
      chunk.push(entry);
    }
    return chunk;
  }

  *#noting(rows: Iterable<RowNode>): Generator<RowNode> {
    for (const node of rows) {
      if (this.#placeOf(node.row) === "unordered") this.#unordered.add(node.key);
      yield node;
    }
  }
}
