/**
 * The rows of one view as they are shown: in the query's order, each row the same object until it
 * changes. It takes changes as a whole and never shows a part of them.
 *
 * Retains at most the view's rows.
 */
import { compileOrder, lowerBound, type Ranked, type RankOrder } from "../../protocol/order.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { RowChanges, ViewShape } from "../port.ts";

/** Above this many moved rows the order is rebuilt in one pass; below, each is placed by search. */
const SEARCH_MAX = 64;

export class OrderedRows {
  readonly #rows = new Map<string, Row>();
  #key: readonly string[] = [];
  #order: RankOrder | undefined;
  #keys: string[] = [];
  #keysAreStale = false;

  get size(): number {
    return this.#rows.size;
  }

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** Keys in the query's order; without one, rows stay where they are and new ones come last. */
  get keys(): readonly string[] {
    if (this.#keysAreStale) {
      this.#keys = [...this.#rows.keys()];
      this.#keysAreStale = false;
    }
    return this.#keys;
  }

  configure({ key, columns, order_by, isLimited }: ViewShape): void {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    this.#key = key;
    const context = {
      typeOf: (name: string) => types.get(name) ?? ("any" as const),
      columnNames: [],
    };
    this.#order = order_by.length > 0 || isLimited ? compileOrder(order_by, context) : undefined;
    this.#reorderAll();
  }

  apply({ upserts, removes }: RowChanges): void {
    const moved: Ranked[] = [];
    const removed: Ranked[] = [];
    for (const row of upserts) {
      const key = keyOf(row, this.#key);
      if (key === undefined) continue;
      const before = this.#rows.get(key);
      this.#rows.set(key, row);
      const after = { key, row };
      if (before === undefined) moved.push(after);
      else if (this.#order !== undefined && this.#order({ key, row: before }, after) !== 0) {
        removed.push({ key, row: before });
        moved.push(after);
      }
    }
    for (const key of removes) {
      const before = this.#rows.get(key);
      if (before === undefined) continue;
      this.#rows.delete(key);
      removed.push({ key, row: before });
    }
    if (moved.length > 0 || removed.length > 0) this.#reorder(removed, moved);
  }

  /** Takes the places in `removed` out of the order and puts `moved` in. */
  #reorder(removed: readonly Ranked[], moved: readonly Ranked[]): void {
    const order = this.#order;
    if (order === undefined) {
      this.#keysAreStale = true;
      return;
    }
    if (removed.length + moved.length > SEARCH_MAX) {
      this.#reorderAll();
      return;
    }
    // A new array each time: what was handed out as a snapshot must not change.
    const keys = [...this.#keys];
    const departed = new Map([...removed].map(({ key, row }) => [key, row]));
    const rankedAt = (index: number): Ranked => {
      const key = keys[index] as string;
      return { key, row: departed.get(key) ?? (this.#rows.get(key) as Row) };
    };
    for (const place of removed) {
      keys.splice(
        lowerBound(keys.length, (index) => order(rankedAt(index), place) < 0),
        1,
      );
      departed.delete(place.key);
    }
    for (const place of moved) {
      keys.splice(
        lowerBound(keys.length, (index) => order(rankedAt(index), place) < 0),
        0,
        place.key,
      );
    }
    this.#keys = keys;
  }

  #reorderAll(): void {
    const order = this.#order;
    this.#keysAreStale = order === undefined;
    if (order === undefined) return;
    const ranked = Array.from(this.#rows, ([key, row]) => ({ key, row }));
    this.#keys = ranked.sort(order).map(({ key }) => key);
  }
}
