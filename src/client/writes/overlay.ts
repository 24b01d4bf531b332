/**
 * A view's rows with pending writes laid over them. The rows below go on changing; the layer is made
 * anew from them each time, so a write hides nothing but the columns that it sets.
 *
 * Retains the rows under patches; they are as many as pending writes name.
 */
import { compileOrder, lowerBound, type Ranked, type RankOrder } from "../../protocol/order.ts";
import type { Query } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import { compileWhere, type Predicate, type WhereContext } from "../../protocol/where.ts";
import type { ViewShape } from "../port.ts";
import { patched, type RowPatch } from "./row-patch.ts";

/** The rows as the server has them. */
export interface BaseRows {
  readonly keys: readonly string[];
  row(key: string): Row | undefined;
}

export interface Layer {
  readonly keys: readonly string[];
  row(key: string): Row | undefined;
  isPending(key: string): boolean;
}

interface Merged {
  readonly base: Row | undefined;
  readonly patches: readonly RowPatch[];
  readonly row: Row | undefined;
}

export class Overlay {
  readonly #query: Query;
  #columns: ReadonlySet<string> | undefined;
  #order: RankOrder | undefined;
  /** Undefined where the client can't tell: a regex, or a column that is not sent. Then rows stay in, or out, as the server has them. */
  #matches: Predicate | undefined;
  #merged = new Map<string, Merged>();

  constructor(query: Query) {
    this.#query = query;
  }

  configure({ columns, key, order_by, isLimited }: ViewShape): void {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    const isProjected = this.#query.columns !== undefined;
    // A channel that declares no columns tells none of those that it sends.
    const sent =
      types.size > 0
        ? [...types.keys()]
        : [...(this.#query.columns ?? []), ...order_by.map(({ column }) => column)];
    this.#columns = isProjected ? new Set([...sent, ...key]) : undefined;
    const context: WhereContext = {
      typeOf: (name) => types.get(name) ?? (this.#columns?.has(name) === false ? undefined : "any"),
      columnNames: [],
    };
    this.#order =
      order_by.length > 0 || isLimited
        ? compileOrder(order_by, { ...context, typeOf: (name) => types.get(name) ?? "any" })
        : undefined;
    this.#matches = matcherOf(this.#query, context);
    this.#merged = new Map();
  }

  /**
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
    this.#merged = merged;
    const { limit } = this.#query;
    const keys = this.#place(base, merged);
    return {
      keys: limit !== undefined && keys.length > limit ? keys.slice(0, limit) : keys,
      row: (key) => (merged.has(key) ? merged.get(key)?.row : base.row(key)),
      isPending: (key) => byKey.has(key),
    };
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

  /** The order below, with each patched row where it belongs now. */
  #place(base: BaseRows, merged: ReadonlyMap<string, Merged>): readonly string[] {
    const order = this.#order;
    const moved: Ranked[] = [];
    const out = new Set<string>();
    for (const [key, { row }] of merged) {
      const below = base.row(key);
      if (row === undefined) out.add(key);
      else if (below === undefined) moved.push({ key, row });
      else if (order !== undefined && order({ key, row: below }, { key, row }) !== 0) {
        out.add(key);
        moved.push({ key, row });
      }
    }
    if (out.size === 0 && moved.length === 0) return base.keys;
    const keys = base.keys.filter((key) => !out.has(key));
    if (order === undefined) return [...keys, ...moved.map(({ key }) => key)];
    for (const place of moved.sort(order)) {
      const ranked = (index: number): Ranked => {
        const key = keys[index] as string;
        return { key, row: (merged.get(key)?.row ?? base.row(key)) as Row };
      };
      keys.splice(
        lowerBound(keys.length, (index) => order(ranked(index), place) < 0),
        0,
        place.key,
      );
    }
    return keys;
  }
}

function matcherOf({ where }: Query, context: WhereContext): Predicate | undefined {
  if (where === undefined) return () => true;
  try {
    return compileWhere(where, context);
  } catch {
    return undefined;
  }
}
