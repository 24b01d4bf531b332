/**
 * The first rows in an order. Takes O(log rows) per change and O(limit) per commit.
 *
 * Retains a reference to each row that could come up, and the keys of those that are shown.
 */
import sortedBTree from "sorted-btree";
import type { Ranked, RankOrder } from "../protocol/order.ts";
import type { RowStep } from "./stage.ts";

// sorted-btree is CommonJS: Node's default import is its `exports` object.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

export class TopStage {
  readonly #tree: BTree<Ranked, undefined>;
  readonly #limit: number;
  #shown = new Map<string, Ranked>();

  constructor(order: RankOrder, limit: number) {
    this.#tree = new BTree<Ranked, undefined>(undefined, order);
    this.#limit = limit;
  }

  /** The changes of the first rows by one commit. */
  follow(steps: readonly RowStep[]): readonly RowStep[] {
    if (steps.length === 0) return [];
    for (const { before, after } of steps) {
      if (before !== undefined) this.#tree.delete(before);
      if (after !== undefined) this.#tree.set(after, undefined);
    }
    const shown = new Map<string, Ranked>();
    for (const row of this.#tree.keys()) {
      if (shown.size === this.#limit) break;
      shown.set(row.key, row);
    }
    const changes: RowStep[] = [];
    for (const [key, before] of this.#shown)
      if (!shown.has(key)) changes.push({ key, before, after: undefined, evicted: false });
    for (const [key, after] of shown) {
      const before = this.#shown.get(key);
      if (before !== after) changes.push({ key, before, after, evicted: false });
    }
    this.#shown = shown;
    return changes;
  }
}
