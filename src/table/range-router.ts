/**
 * Finds the views whose interval contains a column's value before or after a change, among any
 * number of them in logarithmic time. Views without an interval are found by every change.
 *
 * Retains one tree entry per view.
 */
import { comparatorOf, type ColumnType, type Compare, type Present } from "../protocol/column.ts";
import type { Row } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import { contains } from "./interval.ts";
import { IntervalTree } from "./interval-tree.ts";
import type { RangeRoute } from "./route.ts";

/** A row before and after a change, or only where it has the value that the views require. */
export interface RowStep {
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/** The views with an interval of one column. */
class RangeIndex<View> {
  readonly #column: string;
  readonly #type: ColumnType;
  readonly #compare: Compare;
  /** By kind of value where the column has no type, since kinds do not compare. */
  readonly #trees = new Map<string, IntervalTree<View>>();
  viewCount = 0;

  constructor(column: string, type: ColumnType) {
    this.#column = column;
    this.#type = type;
    this.#compare = comparatorOf(type);
  }

  add(view: View, { interval }: RangeRoute): void {
    this.viewCount++;
    const value = (interval?.lower ?? interval?.upper)?.value;
    // No value can match.
    if (interval === undefined || value === undefined) return;
    const kind = this.#kindOf(value);
    const tree = this.#trees.get(kind) ?? new IntervalTree(this.#compare);
    this.#trees.set(kind, tree);
    tree.add(interval, view);
  }

  remove(view: View, { interval }: RangeRoute): void {
    this.viewCount--;
    const value = (interval?.lower ?? interval?.upper)?.value;
    if (interval === undefined || value === undefined) return;
    this.#trees.get(this.#kindOf(value))?.delete(interval, view);
  }

  route({ before, after }: RowStep, visit: (view: View) => void): void {
    const from = before?.[this.#column] ?? undefined;
    const to = after?.[this.#column] ?? undefined;
    const left = from === undefined ? undefined : this.#trees.get(this.#kindOf(from));
    if (from !== undefined) left?.containing(from, visit);
    if (to === undefined) return;
    const entered = this.#trees.get(this.#kindOf(to));
    entered?.containing(to, (view, interval) => {
      const isVisited =
        left === entered && from !== undefined && contains(interval, from, this.#compare);
      if (!isVisited) visit(view);
    });
  }

  #kindOf(value: Present): string {
    return this.#type === "any" ? typeof value : this.#type;
  }
}

export class RangeRouter<View> {
  readonly #context: WhereContext;
  readonly #columnsMax: number;
  readonly #unrouted = new Set<View>();
  readonly #columns = new Map<string, RangeIndex<View>>();

  /**
   * `columnsMax` columns are indexed; views with a range of further ones are found by every change.
   */
  constructor(context: WhereContext, columnsMax: number) {
    this.#context = context;
    this.#columnsMax = columnsMax;
  }

  /** Views that are found by every change. */
  get unroutedCount(): number {
    return this.#unrouted.size;
  }

  get isEmpty(): boolean {
    return this.#unrouted.size === 0 && this.#columns.size === 0;
  }

  /** Whether the column is indexed, or may be. */
  hasRoomFor({ column }: RangeRoute): boolean {
    return this.#columns.has(column) || this.#columns.size < this.#columnsMax;
  }

  add(view: View, range: RangeRoute | undefined): void {
    if (range === undefined || !this.hasRoomFor(range)) {
      this.#unrouted.add(view);
      return;
    }
    const { column } = range;
    const index =
      this.#columns.get(column) ??
      new RangeIndex<View>(column, this.#context.typeOf(column) ?? "any");
    this.#columns.set(column, index);
    index.add(view, range);
  }

  remove(view: View, range: RangeRoute | undefined): void {
    if (this.#unrouted.delete(view) || range === undefined) return;
    const index = this.#columns.get(range.column);
    index?.remove(view, range);
    if (index?.viewCount === 0) this.#columns.delete(range.column);
  }

  /** Calls `visit` once for each view that the change can affect. */
  route(step: RowStep, visit: (view: View) => void): void {
    for (const view of this.#unrouted) visit(view);
    for (const index of this.#columns.values()) index.route(step, visit);
  }
}
