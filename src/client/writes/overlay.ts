/**
 * A view's rows with pending writes laid over them. The layer is made anew when the server's rows
 * change, so a write hides only the columns that it sets.
 *
 * Retains the rows that pending writes name.
 */
import type { WireQuery } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import { compileWhere, type Predicate, type WhereContext } from "../../protocol/where.ts";
import type { ViewShape } from "../port.ts";
import { patched, type RowPatch } from "./row-patch.ts";

/** Keys and rows, side by side and in order. */
interface RowList {
  readonly keys: readonly string[];
  readonly rows: readonly Row[];
}

/** A key's row before and after; undefined for none. */
interface RowChange {
  readonly key: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/** The server's rows. */
export interface BaseRows {
  /** The same object until one of the rows enters, leaves, changes or moves. */
  readonly list: RowList;
  /** The list with further changes, each row where it belongs. */
  listWith(changes: readonly RowChange[]): RowList;
  row(key: string): Row | undefined;
}

export interface Layer {
  readonly list: RowList;
  row(key: string): Row | undefined;
  isPending(key: string): boolean;
}

interface Merged {
  readonly base: Row | undefined;
  readonly patches: readonly RowPatch[];
  readonly row: Row | undefined;
}

export class Overlay {
  readonly #query: WireQuery;
  #columns: ReadonlySet<string> | undefined;
  /**
   * Undefined where the client can't tell, for a regex or a column that is not sent. Then the
   * membership of rows stays as the server has it.
   */
  #matches: Predicate | undefined;
  /** How many rows are shown at most; undefined where the client can't tell which to drop. */
  #limit: number | undefined;
  #merged = new Map<string, Merged>();
  /** The last layer, and the rows below it. */
  #layer: Layer | undefined;
  #below: RowList | undefined;

  constructor(query: WireQuery) {
    this.#query = query;
  }

  configure({ columns, key, order_by }: ViewShape): void {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    const isProjected = this.#query.columns !== undefined;
    // The server names no columns of a channel that declares none.
    const sent =
      types.size > 0
        ? [...types.keys()]
        : [...(this.#query.columns ?? []), ...order_by.map(({ column }) => column)];
    this.#columns = isProjected ? new Set([...sent, ...key]) : undefined;
    const context: WhereContext = {
      typeOf: (name) => types.get(name) ?? (this.#columns?.has(name) === false ? undefined : "any"),
      columnNames: [],
    };
    this.#matches = matcherOf(this.#query, context);
    // A limit without an order keeps the newest rows, and the client does not know which is the
    // oldest of them.
    this.#limit = order_by.length > 0 ? this.#query.limit : undefined;
    this.#merged = new Map();
    this.#layer = undefined;
  }

  /**
   * The same layer as before while neither the rows below nor the patched rows have changed.
   * @param patches of this view's channel, in the order in which they were made
   * @param elsewhere the row as another view of the page has it
   */
  over(
    base: BaseRows,
    patches: readonly RowPatch[],
    elsewhere: (key: string) => Row | undefined,
  ): Layer {
    const byKey = new Map<string, RowPatch[]>();
    for (const patch of patches) {
      const known = byKey.get(patch.key);
      if (known === undefined) byKey.set(patch.key, [patch]);
      else known.push(patch);
    }
    const merged = new Map<string, Merged>();
    for (const [key, own] of byKey)
      merged.set(key, this.#merge(key, base.row(key), own, elsewhere));
    const former = this.#merged;
    const isSame =
      this.#below === base.list &&
      merged.size === former.size &&
      [...merged].every(([key, each]) => former.get(key) === each);
    if (isSame && this.#layer !== undefined) return this.#layer;
    this.#merged = merged;
    this.#below = base.list;
    this.#layer = {
      list: this.#listOver(base, merged),
      row: (key) => (merged.has(key) ? merged.get(key)?.row : base.row(key)),
      isPending: (key) => merged.has(key),
    };
    return this.#layer;
  }

  /** The same object as before while neither the row below nor its patches have changed. */
  #merge(
    key: string,
    base: Row | undefined,
    patches: readonly RowPatch[],
    elsewhere: (key: string) => Row | undefined,
  ): Merged {
    const below = base ?? elsewhere(key);
    const before = this.#merged.get(key);
    if (
      before !== undefined &&
      before.base === below &&
      before.patches.length === patches.length &&
      patches.every((patch, index) => patch === before.patches[index])
    )
      return before;
    const row = this.#project(patched(below, patches));
    const isIn =
      row !== undefined &&
      (this.#matches?.(row) ??
        (base !== undefined || patches.some(({ insert }) => insert !== undefined)));
    return { base: below, patches, row: isIn ? row : undefined };
  }

  #project(row: Row | undefined): Row | undefined {
    const columns = this.#columns;
    if (row === undefined || columns === undefined) return row;
    return Object.fromEntries(Object.entries(row).filter(([name]) => columns.has(name)));
  }

  /** The list below, with each patched row where it belongs now. */
  #listOver(base: BaseRows, merged: ReadonlyMap<string, Merged>): RowList {
    const changes: RowChange[] = [];
    for (const [key, { row: after }] of merged) {
      const before = base.row(key);
      if (before !== after) changes.push({ key, before, after });
    }
    if (changes.length === 0) return base.list;
    const { keys, rows } = base.listWith(changes);
    return { keys: keys.slice(0, this.#limit), rows: rows.slice(0, this.#limit) };
  }
}

function matcherOf({ where }: WireQuery, context: WhereContext): Predicate | undefined {
  if (where === undefined) return () => true;
  try {
    return compileWhere(where, context);
  } catch {
    return undefined;
  }
}
