/**
 * The rows of a channel in the order of one column, so that a view with a range of the column is
 * built from the rows in its range. It is built in steps. Then a change costs a note of its key:
 * the index is brought up to date when it is read, which is rare.
 *
 * Retains a reference to each row with a value, and the rows that have changed since as they were.
 */
import type { WhereContext } from "../protocol/where.ts";
import type { ChangeOrderedRows, RowNode } from "./change-ordered-rows.ts";
import { firstOf } from "./first-of.ts";
import { IndexOrder, type Place } from "./index-order.ts";
import type { Interval } from "./interval.ts";
import type { RowChange } from "./live-table.ts";
import { OrderedIndex } from "./ordered-index.ts";

/** Rows that are read from the index at a time. */
const CHUNK_ROWS = 64;

/** Bytes of a key in a map; the key's text is the channel's. */
const CHANGED_BYTES = 48;

export class OrderedRows {
  readonly #rows: ChangeOrderedRows;
  readonly #index: OrderedIndex;
  /** The rows that have changed since the index was whole and read, as the index has them. */
  readonly #changed = new Map<string, RowNode | undefined>();

  constructor(column: string, context: WhereContext, rows: ChangeOrderedRows) {
    this.#rows = rows;
    this.#index = new OrderedIndex({
      order: new IndexOrder([{ column }], context),
      includes: (row) => (row[column] ?? null) !== null,
      rows: firstOf(rows.values(), rows.size),
    });
  }

  /** Whether it has all rows. Until then it keeps rows that have left the channel since. */
  get isWhole(): boolean {
    return this.#index.isWhole;
  }

  /** Rows in the order. */
  get size(): number {
    return this.#index.entries;
  }

  /** Estimated. */
  get bytes(): number {
    return this.#index.bytes + this.#changed.size * CHANGED_BYTES;
  }

  /** Whether so much has changed that the order is made anew at the same cost. */
  get isOutdated(): boolean {
    return this.#changed.size > this.#rows.size;
  }

  follow(change: RowChange): void {
    if (!this.#index.isWhole) this.#index.follow(change);
    else if (!this.#changed.has(change.key)) this.#changed.set(change.key, change.before);
  }

  /**
   * The rows in the interval, and `undefined` for each step that found none. Changes may come
   * between the steps. A row that changes meanwhile may be left out.
   */
  *rowsWithin(interval: Interval | undefined): Generator<RowNode | undefined> {
    while (!this.#index.build(1)) yield undefined;
    for (const [key, before] of this.#changed) {
      this.#changed.delete(key);
      this.#index.follow({ key, before, after: this.#rows.get(key), evicted: false });
      yield undefined;
    }
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
}
