/**
 * For each column of which many views have a range: the channel's rows in the column's order, so
 * that a further view reads the rows in its range in place of all. A column is ordered when so many
 * views have read all rows that the order would have cost no more. The orders can be made anew, so
 * they go first when memory is short.
 *
 * Retains up to two entries per row and ordered column, within the bounds of all views.
 */
import type { WhereContext } from "../protocol/where.ts";
import type { ChangeOrderedRows, RowNode } from "./change-ordered-rows.ts";
import type { RowChange } from "./live-table.ts";
import { OrderedRows } from "./ordered-rows.ts";
import type { RangeRoute, Route } from "./route.ts";
import type { Holding, ViewPool } from "./view-pool.ts";

interface RangeColumn {
  views: number;
  rows: OrderedRows | undefined;
  /** The entries that the pool has counted. */
  counted: number;
}

export class RangeRows {
  readonly #context: WhereContext;
  readonly #rows: ChangeOrderedRows;
  readonly #pool: ViewPool;
  readonly #columns = new Map<string, RangeColumn>();

  constructor(context: WhereContext, rows: ChangeOrderedRows, pool: ViewPool) {
    this.#context = context;
    this.#rows = rows;
    this.#pool = pool;
  }

  /**
   * A view with this route is added. Returns the rows that it has to read, if they are in order,
   * and `undefined` for each step that found none. Call `count` after the steps.
   */
  open({ equality, range }: Route): Iterator<RowNode | undefined> | undefined {
    if (equality !== undefined || range === undefined) return undefined;
    const column = this.#columnOf(range);
    column.views++;
    if (column.rows === undefined && !this.#isWorthIt(column)) return undefined;
    column.rows ??= new OrderedRows(range.column, this.#context, this.#rows);
    return column.rows.rowsWithin(range.interval);
  }

  /** A view with this route is gone. */
  close({ equality, range }: Route): void {
    if (equality !== undefined || range === undefined) return;
    const column = this.#columnOf(range);
    column.views--;
    // An order whose view has gone before it was whole may have nobody else who goes on with it.
    if (column.views === 0 || column.rows?.isWhole === false) this.#drop(column);
    if (column.views === 0) this.#columns.delete(range.column);
  }

  follow(changes: readonly RowChange[]): void {
    for (const column of this.#columns.values()) {
      if (column.rows === undefined) continue;
      for (const change of changes) column.rows.follow(change);
      if (column.rows.isOutdated) this.#drop(column);
    }
  }

  /** Counts what the views' steps have added. */
  count(): void {
    for (const column of this.#columns.values()) this.#count(column);
  }

  *holdings(): Iterable<Holding> {
    for (const column of this.#columns.values()) {
      if (column.rows === undefined) continue;
      const refuse = (): void => this.#drop(column);
      yield { bytes: column.rows.bytes, owner: undefined, isFilled: true, refuse };
    }
  }

  /** Drops the orders. A view that is being built from one continues, as changes find it. */
  drop(): void {
    for (const column of this.#columns.values()) this.#drop(column);
  }

  #columnOf({ column: name }: RangeRoute): RangeColumn {
    const column = this.#columns.get(name) ?? { views: 0, rows: undefined, counted: 0 };
    this.#columns.set(name, column);
    return column;
  }

  #isWorthIt({ views }: RangeColumn): boolean {
    const { rangeViewsOrderedMin, entriesMax } = this.#pool.limits;
    // Views need room beside it.
    return views >= rangeViewsOrderedMin && this.#pool.entries + 2 * this.#rows.size <= entriesMax;
  }

  #count(column: RangeColumn): void {
    const entries = column.rows?.size ?? 0;
    this.#pool.entries += entries - column.counted;
    column.counted = entries;
  }

  #drop(column: RangeColumn): void {
    column.rows = undefined;
    this.#count(column);
  }
}
