/**
 * The rows of one view as they are shown: in the query's order, each row the same object until it
 * changes, and the list of them the same object until one of them enters, leaves, changes or moves.
 * It takes changes as a whole and never shows a part of them.
 *
 * Retains at most the view's rows.
 */
import { compileOrder, type RankOrder } from "../../protocol/order.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { RowChanges, ViewShape } from "../port.ts";
import type { Layer } from "../writes/overlay.ts";
import { changedList, type ListChange, type RowList } from "./row-list.ts";

const NO_ROWS: RowList = { keys: [], rows: [] };

export class OrderedRows {
  readonly #rows = new Map<string, Row>();
  #key: readonly string[] = [];
  #order: RankOrder | undefined;
  /** The shown list, for changes. */
  #list = NO_ROWS;
  /** Whether someone may hold the array of its rows, which then does not change any more. */
  #areRowsRead = true;
  /** What a snapshot shows: a new object when a row enters, leaves, changes or moves. */
  shown = this.#show(NO_ROWS);

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** In the query's order; without one, rows stay where they are and new ones come last. */
  get list(): RowList {
    return this.shown.list;
  }

  /** The list with other changes laid over it, which are not kept. */
  listWith(changes: readonly ListChange[]): RowList {
    return changedList(this.#list, this.#order, changes);
  }

  configure({ key, columns, order_by, isLimited }: ViewShape): void {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    this.#key = key;
    const context = {
      typeOf: (name: string) => types.get(name) ?? ("any" as const),
      columnNames: [],
    };
    this.#order = order_by.length > 0 || isLimited ? compileOrder(order_by, context) : undefined;
    // Rows stay under the keys that they came with: the engine names removed rows by these.
    this.#list = NO_ROWS;
    this.#areRowsRead = true;
    this.shown = this.#show(NO_ROWS);
    this.#reshow(
      Array.from(this.#rows, ([name, after]) => ({ key: name, before: undefined, after })),
    );
  }

  apply({ upserts, removes }: RowChanges): void {
    const changes: ListChange[] = [];
    for (const row of upserts) {
      const key = keyOf(row, this.#key);
      if (key === undefined) continue;
      changes.push({ key, before: this.#rows.get(key), after: row });
      this.#rows.set(key, row);
    }
    for (const key of removes) {
      const before = this.#rows.get(key);
      if (this.#rows.delete(key)) changes.push({ key, before, after: undefined });
    }
    this.#reshow(changes);
  }

  #reshow(changes: readonly ListChange[]): void {
    if (changes.length === 0) return;
    this.#list = this.#order
      ? changedList(this.#list, this.#order, changes, !this.#areRowsRead)
      : this.#arrivals(changes);
    this.#areRowsRead = false;
    this.shown = this.#show(this.#order ? this.#watched(this.#list) : this.#list);
  }

  /** The list, whose rows are noted as read when they are. */
  #watched({ keys, rows }: RowList): RowList {
    const note = (): void => {
      this.#areRowsRead = true;
    };
    return {
      keys,
      get rows() {
        note();
        return rows;
      },
    };
  }

  #show(list: RowList): Layer {
    return { list, row: (key) => this.#rows.get(key), isPending: () => false };
  }

  /**
   * A map keeps the order of arrival. Its arrays are made when they are first read: a grid that
   * reads by key needs one.
   */
  #arrivals(changes: readonly ListChange[]): RowList {
    const all = this.#rows;
    let keys = changes.every(({ before, after }) => before && after) ? this.list.keys : undefined;
    let rows: readonly Row[] | undefined;
    return {
      get keys() {
        return (keys ??= [...all.keys()]);
      },
      get rows() {
        return (rows ??= [...all.values()]);
      },
    };
  }
}
