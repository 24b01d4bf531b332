/**
 * One column's rows and views by value: finds the views that require a value, and the rows that
 * have it. The rows are indexed in steps, while changes come.
 *
 * Retains one set entry per row, and one view entry per view and value.
 */
import { equalityKey, type ColumnType } from "../protocol/column.ts";
import type { Row } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import type { ChangeOrderedRows, RowNode } from "./change-ordered-rows.ts";
import { firstOf } from "./first-of.ts";
import type { RowChange } from "./live-table.ts";
import { RangeRouter } from "./range-router.ts";
import type { EqualityRoute, RangeRoute } from "./route.ts";

export class EqualityIndex<View> {
  readonly #column: string;
  readonly #type: ColumnType;
  readonly #rows: ChangeOrderedRows;
  readonly #newRouter: () => RangeRouter<View>;
  readonly #keys = new Map<string, Set<string>>();
  readonly #views = new Map<string, RangeRouter<View>>();
  /** The rows that are not indexed yet. */
  readonly #unread: Iterator<RowNode>;
  #isComplete = false;
  viewCount = 0;

  constructor(column: string, context: WhereContext, rows: ChangeOrderedRows, columnsMax: number) {
    this.#column = column;
    this.#type = context.typeOf(column) ?? "any";
    this.#rows = rows;
    this.#newRouter = () => new RangeRouter<View>(context, columnsMax);
    this.#unread = firstOf(rows.values(), rows.size);
  }

  add(view: View, { values }: EqualityRoute, range: RangeRoute | undefined): void {
    this.viewCount++;
    for (const value of values) {
      const views = this.#views.get(value) ?? this.#newRouter();
      this.#views.set(value, views);
      views.add(view, range);
    }
  }

  remove(view: View, { values }: EqualityRoute, range: RangeRoute | undefined): void {
    this.viewCount--;
    for (const value of values) {
      const views = this.#views.get(value);
      views?.remove(view, range);
      if (views?.isEmpty === true) this.#views.delete(value);
    }
  }

  /**
   * The rows that have one of the values, and `undefined` for each step that indexed a row only.
   * Changes may come between the steps. A row that gets a value meanwhile may be left out.
   */
  *rowsWith(values: readonly string[]): Generator<RowNode | undefined> {
    while (!this.#isComplete) {
      this.#indexNext();
      yield undefined;
    }
    const found = values.flatMap((value) => this.#keys.get(value) ?? []);
    for (const keys of found)
      for (const key of firstOf(keys.values(), keys.size)) yield this.#rows.get(key);
  }

  /** Follows the change, and calls `visit` for each view that it can affect, for some twice. */
  route(change: RowChange, visit: (view: View) => void): void {
    const [before, after] = [change.before?.row, change.after?.row];
    const from = this.#valueOf(before);
    const to = this.#valueOf(after);
    if (from !== to) {
      this.#leave(change.key, from);
      this.#enter(change.key, to);
    }
    const [left, entered] = [this.#viewsOf(from), this.#viewsOf(to)];
    if (left === entered) left?.route({ before, after }, visit);
    else {
      left?.route({ before, after: undefined }, visit);
      entered?.route({ before: undefined, after }, visit);
    }
  }

  #viewsOf(value: string | undefined): RangeRouter<View> | undefined {
    return value === undefined ? undefined : this.#views.get(value);
  }

  #indexNext(): void {
    const { done, value } = this.#unread.next();
    if (done === true) this.#isComplete = true;
    else this.#enter(value.key, this.#valueOf(value.row));
  }

  #valueOf(row: Row | undefined): string | undefined {
    const value = row?.[this.#column];
    return value === undefined || value === null ? undefined : equalityKey(this.#type, value);
  }

  #enter(key: string, value: string | undefined): void {
    if (value === undefined) return;
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  #leave(key: string, value: string | undefined): void {
    if (value === undefined) return;
    const keys = this.#keys.get(value);
    if (keys?.delete(key) === true && keys.size === 0) this.#keys.delete(value);
  }
}
