/**
 * The first and the last of a group's rows in the order of one column, ties by key; rows with null
 * in it have no place. Rows that may still change or leave are in a tree; of those that have
 * settled only the two extremes count.
 *
 * Retains a reference to each row that may change, and two settled rows.
 */
import sortedBTree from "sorted-btree";
import type { Ranked, RankOrder } from "../protocol/order.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { Accumulator } from "./accumulator.ts";

// sorted-btree is CommonJS: Node's default import is its `exports` object.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

export interface ExtremesPlan {
  readonly column: string;
  readonly order: RankOrder;
  /** The columns that are read of the first and the last row. */
  readonly reads: ReadonlySet<string>;
}

export class ColumnExtremes implements Accumulator {
  readonly #plan: ExtremesPlan;
  /** Undefined while there are fewer than two rows that may change. */
  #tree: BTree<Ranked, undefined> | undefined;
  #only: Ranked | undefined;
  #settledFirst: Ranked | undefined;
  #settledLast: Ranked | undefined;

  constructor(plan: ExtremesPlan, settled: JsonValue = null) {
    this.#plan = plan;
    for (const row of (settled ?? []) as unknown as readonly Ranked[]) this.#keep(row);
  }

  add(row: Ranked): void {
    if (!this.#has(row)) return;
    if (this.#tree !== undefined) this.#tree.set(row, undefined);
    else if (this.#only === undefined) this.#only = row;
    else {
      this.#tree = new BTree<Ranked, undefined>(undefined, this.#plan.order);
      this.#tree.set(this.#only, undefined);
      this.#tree.set(row, undefined);
      this.#only = undefined;
    }
  }

  remove(row: Ranked): void {
    if (!this.#has(row)) return;
    this.#only = undefined;
    this.#tree?.delete(row);
    if (this.#tree?.size === 0) this.#tree = undefined;
  }

  settle(row: Ranked): void {
    if (!this.#has(row)) return;
    this.remove(row);
    this.#keep(row);
  }

  get first(): Row | undefined {
    const { order } = this.#plan;
    const [settled, live] = [this.#settledFirst, this.#only ?? this.#tree?.minKey()];
    if (settled === undefined || live === undefined) return (settled ?? live)?.row;
    return order(settled, live) <= 0 ? settled.row : live.row;
  }

  get last(): Row | undefined {
    const { order } = this.#plan;
    const [settled, live] = [this.#settledLast, this.#only ?? this.#tree?.maxKey()];
    if (settled === undefined || live === undefined) return (settled ?? live)?.row;
    return order(settled, live) > 0 ? settled.row : live.row;
  }

  get settled(): JsonValue {
    const kept = [...new Set([this.#settledFirst, this.#settledLast])].filter(
      (row) => row !== undefined,
    );
    return kept.map(({ key, row }) => ({ key, row: this.#readOf(row) }));
  }

  #has({ row }: Ranked): boolean {
    return (row[this.#plan.column] ?? null) !== null;
  }

  #keep(row: Ranked): void {
    const { order } = this.#plan;
    if (this.#settledFirst === undefined || order(row, this.#settledFirst) < 0)
      this.#settledFirst = row;
    if (this.#settledLast === undefined || order(row, this.#settledLast) > 0)
      this.#settledLast = row;
  }

  #readOf(row: Row): Row {
    return Object.fromEntries([...this.#plan.reads].map((column) => [column, row[column] ?? null]));
  }
}
