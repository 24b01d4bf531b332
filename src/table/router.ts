/**
 * Finds the views that one change can affect. A view whose filter requires `column = value` (or
 * one of several values) is in a hash index and is evaluated only for rows with that value before
 * or after the change, so ten thousand such views cost as much as one. The other views are
 * evaluated for every change.
 *
 * Retains one entry per view and value, and per routed column one set entry per row.
 */
import { equalityKey } from "../protocol/column.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import type { RowNode } from "./change-ordered-rows.ts";
import type { RowChange } from "./live-table.ts";
import type { View } from "./view.ts";

/** The equality that every row of a view must satisfy. */
export interface Route {
  readonly column: string;
  readonly values: readonly string[];
}

/** The cheapest equality that `where` requires, if it requires one. */
export function routeOf(where: WireWhere | undefined, context: WhereContext): Route | undefined {
  if (where === undefined) return undefined;
  if ("and" in where) {
    let best: Route | undefined;
    for (const part of where.and) {
      const route = routeOf(part, context);
      if (route !== undefined && (best === undefined || route.values.length < best.values.length))
        best = route;
    }
    return best;
  }
  const type = "column" in where ? context.typeOf(where.column) : undefined;
  if (type === undefined || !("column" in where)) return undefined;
  const operands = "eq" in where ? [where.eq] : "in" in where ? where.in : undefined;
  if (operands === undefined) return undefined;
  // An operand of null matches nothing, so it needs no index entry.
  const values = operands.flatMap((operand) =>
    operand === null ? [] : [equalityKey(type, operand)],
  );
  return { column: where.column, values: [...new Set(values)] };
}

class ColumnIndex {
  readonly valueOf: (row: Row | undefined) => string | undefined;
  readonly views = new Map<string, Set<View>>();
  readonly rows = new Map<string, Set<string>>();
  viewCount = 0;

  constructor(column: string, context: WhereContext) {
    const type = context.typeOf(column) ?? "any";
    this.valueOf = (row) => {
      const value = row?.[column];
      return value === undefined || value === null ? undefined : equalityKey(type, value);
    };
  }

  follow(key: string, from: string | undefined, to: string | undefined): void {
    if (from === to) return;
    if (from !== undefined) removeFrom(this.rows, from, key);
    if (to !== undefined) addTo(this.rows, to, key);
  }
}

export class ViewRouter {
  readonly #context: WhereContext;
  readonly #columnsMax: number;
  readonly #unrouted = new Set<View>();
  readonly #columns = new Map<string, ColumnIndex>();

  /**
   * `columnsMax` columns are indexed; views routed by further ones are evaluated for every change.
   */
  constructor(context: WhereContext, columnsMax: number) {
    this.#context = context;
    this.#columnsMax = columnsMax;
  }

  /** Views that are evaluated for every change. */
  get unroutedCount(): number {
    return this.#unrouted.size;
  }

  /**
   * The keys of the rows with the route's value; `rows` fills the column's index when it is new.
   */
  keysFor(route: Route, rows: Iterable<RowNode>): Iterable<string> {
    const index = this.#indexFor(route.column, rows);
    return route.values.flatMap((value) => [...(index.rows.get(value) ?? [])]);
  }

  /**
   * The route, if its column is indexed or may be; otherwise the view is evaluated for every
   * change.
   */
  usable(route: Route | undefined): Route | undefined {
    if (route === undefined || this.#columns.has(route.column)) return route;
    return this.#columns.size < this.#columnsMax ? route : undefined;
  }

  add(view: View, route: Route | undefined): void {
    const index = route === undefined ? undefined : this.#columns.get(route.column);
    if (route === undefined || index === undefined) {
      this.#unrouted.add(view);
      return;
    }
    index.viewCount++;
    for (const value of route.values) addTo(index.views, value, view);
  }

  remove(view: View, route: Route | undefined): void {
    if (this.#unrouted.delete(view) || route === undefined) return;
    const index = this.#columns.get(route.column);
    if (index === undefined) return;
    for (const value of route.values) removeFrom(index.views, value, view);
    if (--index.viewCount === 0) this.#columns.delete(route.column);
  }

  /** Calls `visit` for each view that the change can affect, for some twice. */
  route(change: RowChange, visit: (view: View) => void): void {
    for (const view of this.#unrouted) visit(view);
    for (const index of this.#columns.values()) {
      const from = index.valueOf(change.before);
      const to = index.valueOf(change.after?.row);
      index.follow(change.key, from, to);
      if (from !== undefined) for (const view of index.views.get(from) ?? []) visit(view);
      if (to !== undefined && to !== from)
        for (const view of index.views.get(to) ?? []) visit(view);
    }
  }

  #indexFor(column: string, rows: Iterable<RowNode>): ColumnIndex {
    const existing = this.#columns.get(column);
    if (existing !== undefined) return existing;
    const index = new ColumnIndex(column, this.#context);
    for (const { key, row } of rows) index.follow(key, undefined, index.valueOf(row));
    this.#columns.set(column, index);
    return index;
  }
}

function addTo<T>(index: Map<string, Set<T>>, value: string, item: T): void {
  const items = index.get(value);
  if (items === undefined) index.set(value, new Set([item]));
  else items.add(item);
}

function removeFrom<T>(index: Map<string, Set<T>>, value: string, item: T): void {
  const items = index.get(value);
  if (items?.delete(item) === true && items.size === 0) index.delete(value);
}
