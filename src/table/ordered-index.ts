/**
 * Rows of one channel in one order. It is built in steps and follows changes meanwhile, so that it
 * is never wrong about the rows that it has.
 *
 * Retains a reference to each row that it includes. It makes no objects of its own while it is
 * built: those would all be alive at the next collection, which would take longer than a slice.
 */
import sortedBTree from "sorted-btree";
import type { Predicate } from "../protocol/where.ts";
import type { RowNode } from "./change-ordered-rows.ts";
import type { IndexOrder, Place } from "./index-order.ts";
import type { RowChange } from "./live-table.ts";

// sorted-btree is CommonJS: Node's default import is its `exports` object, which has the class as a
// property.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

/** Bytes of an entry's place in the tree; the row is its channel's. Measured with `bench/views`. */
const ENTRY_BYTES = 24;

/** What one change was to the index: the row's entry before and after it. */
export interface IndexStep {
  readonly before: Place | undefined;
  readonly after: Place | undefined;
}

export interface OrderedIndexOptions {
  readonly order: IndexOrder;
  /** The rows that belong to the index. */
  readonly includes: Predicate;
  /**
   * The rows that are there when the index is made; undefined for a step that found none. It may
   * leave out rows that change before it has ended.
   */
  readonly rows: Iterator<RowNode | undefined>;
}

export class OrderedIndex {
  readonly order: IndexOrder;
  readonly #includes: Predicate;
  /** Undefined when the index is whole: an iterator keeps rows that have left the channel since. */
  #unread: Iterator<RowNode | undefined> | undefined;
  readonly #tree: BTree<Place, undefined>;
  /** The change that was followed last, and what it was. */
  #change: RowChange | undefined;
  #step: IndexStep | undefined;

  constructor({ order, includes, rows }: OrderedIndexOptions) {
    this.order = order;
    this.#includes = includes;
    this.#unread = rows;
    this.#tree = new BTree<Place, undefined>(undefined, order.compare);
  }

  /** Whether it has all rows. */
  get isWhole(): boolean {
    return this.#unread === undefined;
  }

  get entries(): number {
    return this.#tree.size;
  }

  /** Estimated. */
  get bytes(): number {
    return this.entries * ENTRY_BYTES;
  }

  /** Reads up to `steps` further rows. Returns whether the index is whole. */
  build(steps: number): boolean {
    for (let step = 0; step < steps && this.#unread !== undefined; step++) {
      const { done, value: node } = this.#unread.next();
      if (done === true) this.#unread = undefined;
      // A row that has changed meanwhile is there already, and is entered again.
      if (node !== undefined && node !== null && this.#includes(node.row)) this.#enter(node);
    }
    return this.isWhole;
  }

  /**
   * Follows a change of the channel; the same change again does nothing. Undefined when the row
   * was not, and is not, in the index.
   */
  follow(change: RowChange): IndexStep | undefined {
    if (this.#change === change) return this.#step;
    this.#change = change;
    const { before } = change;
    const after =
      change.after !== undefined && this.#includes(change.after.row) ? change.after : undefined;
    let wasThere = false;
    if (before !== undefined && after !== undefined && this.order.compare(before, after) === 0)
      wasThere = !this.#enter(after);
    else {
      wasThere = before !== undefined && this.#tree.delete(before);
      if (after !== undefined) this.#enter(after);
    }
    this.#step =
      wasThere || after !== undefined
        ? { before: wasThere ? before : undefined, after }
        : undefined;
    return this.#step;
  }

  /** The rows after a place, in order. The index must not change until the last one was taken. */
  *after(place: Place): Generator<Place> {
    const { compare } = this.order;
    for (const entry of this.#tree.keys(place)) if (compare(entry, place) !== 0) yield entry;
  }

  /** Replaces an entry in the same place. Returns whether there was none. */
  #enter(entry: Place): boolean {
    return this.#tree.set(entry, undefined);
  }
}
