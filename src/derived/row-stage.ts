/**
 * The rows of the source that belong to a derived table: joined with a small table, filtered, and,
 * where they are not grouped, with computed columns.
 *
 * Retains nothing where rows pass as they are; else one object for each row of the source, and with
 * a join also its key in the index of the rows that wait for a row of the small table.
 */
import type { Ranked } from "../protocol/order.ts";
import { keyOf, type Row } from "../protocol/row.ts";
import type { Predicate } from "../protocol/where.ts";
import type { RowChange } from "../table/live-table.ts";
import { withComputed, type RowStep } from "./stage.ts";
import type { Compute } from "./spec.ts";

export interface JoinPlan {
  /** The source's columns whose values are the key of the joined row, in the key's order. */
  readonly keyColumns: readonly string[];
  /** By name in the result: the column of the joined table. */
  readonly columns: Readonly<Record<string, string>>;
  readonly isInner: boolean;
}

export interface RowPlan {
  readonly join: JoinPlan | undefined;
  readonly matches: Predicate | undefined;
  readonly compute: Readonly<Record<string, Compute>>;
}

interface Joined {
  readonly source: Ranked;
  readonly joinKey: string | undefined;
  readonly shown: Ranked | undefined;
}

export class RowStage {
  readonly #plan: RowPlan;
  /** Undefined where rows pass as they are. */
  readonly #rows: Map<string, Joined> | undefined;
  readonly #small = new Map<string, Row>();
  /** By key of the small table: the keys of the source's rows that it belongs to. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(plan: RowPlan) {
    this.#plan = plan;
    const isMade = plan.join !== undefined || Object.keys(plan.compute).length > 0;
    this.#rows = isMade ? new Map() : undefined;
  }

  /** Follows a change of the source. */
  follow({ key, before, after, evicted }: RowChange): RowStep | undefined {
    const { matches } = this.#plan;
    const rows = this.#rows;
    if (rows !== undefined) return this.#replace(rows, key, after, evicted);
    const isMatch = (row: Ranked | undefined): boolean =>
      row !== undefined && (matches === undefined || matches(row.row));
    const [was, is] = [isMatch(before), isMatch(after)];
    if (!was && !is) return undefined;
    return { key, before: was ? before : undefined, after: is ? after : undefined, evicted };
  }

  /** Follows a change of the small table: all rows that it belongs to change. */
  *followSmall({ key, after }: RowChange): Generator<RowStep> {
    if (after === undefined) this.#small.delete(key);
    else this.#small.set(key, after.row);
    const rows = this.#rows;
    if (rows === undefined) return;
    for (const waiting of this.#waiting.get(key) ?? []) {
      const step = this.#replace(rows, waiting, rows.get(waiting)?.source, false);
      if (step !== undefined) yield step;
    }
  }

  #replace(
    rows: Map<string, Joined>,
    key: string,
    source: Ranked | undefined,
    evicted: boolean,
  ): RowStep | undefined {
    const known = rows.get(key);
    const joinKey = source && this.#joinKeyOf(source.row);
    if (known?.joinKey !== joinKey) {
      this.#leave(known?.joinKey, key);
      this.#wait(joinKey, key);
    }
    const shown = source && this.#shown(source, joinKey);
    if (source === undefined) rows.delete(key);
    else rows.set(key, { source, joinKey, shown });
    if (known?.shown === undefined && shown === undefined) return undefined;
    return { key, before: known?.shown, after: shown, evicted };
  }

  #shown({ key, row }: Ranked, joinKey: string | undefined): Ranked | undefined {
    const { compute, matches } = this.#plan;
    const joined = this.#joined(row, joinKey);
    if (joined === undefined || (matches !== undefined && !matches(joined))) return undefined;
    return { key, row: withComputed(joined, compute) };
  }

  #joined(row: Row, joinKey: string | undefined): Row | undefined {
    const { join } = this.#plan;
    if (join === undefined) return row;
    const small = joinKey === undefined ? undefined : this.#small.get(joinKey);
    if (small === undefined && join.isInner) return undefined;
    const columns = Object.entries(join.columns).map(([name, column]) => [
      name,
      small?.[column] ?? null,
    ]);
    return { ...row, ...(Object.fromEntries(columns) as Row) };
  }

  #joinKeyOf(row: Row): string | undefined {
    const { join } = this.#plan;
    return join && keyOf(row, join.keyColumns);
  }

  #wait(joinKey: string | undefined, key: string): void {
    if (joinKey === undefined) return;
    const waiting = this.#waiting.get(joinKey);
    if (waiting === undefined) this.#waiting.set(joinKey, new Set([key]));
    else waiting.add(key);
  }

  #leave(joinKey: string | undefined, key: string): void {
    const waiting = joinKey === undefined ? undefined : this.#waiting.get(joinKey);
    waiting?.delete(key);
    if (joinKey !== undefined && waiting?.size === 0) this.#waiting.delete(joinKey);
  }
}
