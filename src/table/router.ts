/**
 * Finds the views that one change can affect, by what their filters require of a row: an equality
 * (`symbol = 'A'`) by a hash index, a range (`price > 10`) by an index of intervals, both together
 * by an index of intervals per value. Ten thousand such views cost a change as much as one. The
 * other views are evaluated for every change.
 *
 * Retains one entry per view and value, and per column with equalities one set entry per row.
 */
import type { WhereContext } from "../protocol/where.ts";
import type { ChangeOrderedRows, RowNode } from "./change-ordered-rows.ts";
import { EqualityIndex } from "./equality-index.ts";
import { firstOf } from "./first-of.ts";
import type { RowChange } from "./live-table.ts";
import { RangeRouter } from "./range-router.ts";
import type { Route } from "./route.ts";

export class ViewRouter<View> {
  readonly #context: WhereContext;
  readonly #rows: ChangeOrderedRows;
  readonly #columnsMax: number;
  readonly #equalities = new Map<string, EqualityIndex<View>>();
  /** The views that require no equality. */
  readonly #others: RangeRouter<View>;

  /**
   * Indexes the views by `columnsMax` columns with equalities, and as many with ranges. Further
   * ones do not route.
   */
  constructor(context: WhereContext, rows: ChangeOrderedRows, columnsMax: number) {
    this.#context = context;
    this.#rows = rows;
    this.#columnsMax = columnsMax;
    this.#others = new RangeRouter<View>(context, columnsMax);
  }

  /** Views that are evaluated for every change. */
  get unroutedCount(): number {
    return this.#others.unroutedCount;
  }

  /** The part of a route whose columns are indexed, or may be. */
  usable({ equality, range }: Route): Route {
    const { size } = this.#equalities;
    if (
      equality !== undefined &&
      (size < this.#columnsMax || this.#equalities.has(equality.column))
    )
      return { equality, range };
    const isUsable = range !== undefined && this.#others.hasRoomFor(range);
    return { equality: undefined, range: isUsable ? range : undefined };
  }

  /** Adds a view with a usable route. */
  add(view: View, { equality, range }: Route): void {
    if (equality === undefined) this.#others.add(view, range);
    else this.#indexOf(equality.column).add(view, equality, range);
  }

  remove(view: View, { equality, range }: Route): void {
    if (equality === undefined) return this.#others.remove(view, range);
    const index = this.#equalities.get(equality.column);
    index?.remove(view, equality, range);
    if (index?.viewCount === 0) this.#equalities.delete(equality.column);
  }

  /**
   * The rows to evaluate for a new view that was added with this route, and `undefined` for each
   * step that found none. Changes may come between the steps, if the view follows them.
   */
  rowsFor({ equality }: Route): Iterator<RowNode | undefined> {
    if (equality === undefined) return firstOf(this.#rows.values(), this.#rows.size);
    return this.#indexOf(equality.column).rowsWith(equality.values);
  }

  /** Calls `visit` for each view that the change can affect, for some twice. */
  route(change: RowChange, visit: (view: View) => void): void {
    this.#others.route({ before: change.before?.row, after: change.after?.row }, visit);
    for (const index of this.#equalities.values()) index.route(change, visit);
  }

  #indexOf(column: string): EqualityIndex<View> {
    const index =
      this.#equalities.get(column) ??
      new EqualityIndex<View>(column, this.#context, this.#rows, this.#columnsMax);
    this.#equalities.set(column, index);
    return index;
  }
}

export function isRouted({ equality, range }: Route): boolean {
  return equality !== undefined || range !== undefined;
}
