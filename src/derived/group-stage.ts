/**
 * Groups of rows. A change costs what its row's group keeps for it, whatever the group's size: a
 * few additions, and O(log rows) where a column is the first or last in an order. All of it is a
 * function of the rows, never of the order in which they came.
 *
 * Retains the groups, at most `groupsMax`, and what their accumulators state.
 */
import { TidemarkError } from "../std/errors.ts";
import type { Ranked } from "../protocol/order.ts";
import { keyOf, type JsonValue, type Row } from "../protocol/row.ts";
import type { Accumulator } from "./accumulator.ts";
import type { TimeBucket } from "./aggregate.ts";
import { bucketOf } from "./bucket.ts";
import type { Compute } from "./spec.ts";
import { withComputed, type RowStep } from "./stage.ts";

export interface GroupColumn {
  readonly name: string;
  readonly column: string;
  readonly bucket: TimeBucket | undefined;
  /** Equal values in one form. */
  readonly canonical: (value: JsonValue) => JsonValue;
}

export interface GroupPlan {
  readonly name: string;
  readonly groupBy: readonly GroupColumn[];
  readonly accumulators: readonly ((settled?: JsonValue) => Accumulator)[];
  /** The columns of a group, of its number of rows and its accumulators. */
  readonly columns: readonly {
    readonly name: string;
    readonly read: (rows: number, accumulators: readonly Accumulator[]) => JsonValue;
  }[];
  readonly compute: Readonly<Record<string, Compute>>;
  readonly groupsMax: number;
  /** Rows that are evicted stay in their groups. */
  readonly keepsEvicted: boolean;
}

interface Group {
  readonly key: string;
  readonly values: readonly JsonValue[];
  readonly startMs: number | undefined;
  readonly accumulators: readonly Accumulator[];
  rows: number;
  settledRows: number;
  shown: Ranked | undefined;
}

/** The values of `groupBy` for a row, and the beginning of its span of time. */
interface Place {
  readonly key: string;
  readonly values: readonly JsonValue[];
  readonly startMs: number | undefined;
}

type SettledGroup = readonly [
  values: readonly JsonValue[],
  startMs: number | null,
  rows: number,
  accumulators: readonly JsonValue[],
];

interface Settled {
  readonly newestMs: number | null;
  readonly groups: readonly SettledGroup[];
}

export class GroupStage {
  readonly #plan: GroupPlan;
  readonly #groups = new Map<string, Group>();
  readonly #dirty = new Set<Group>();
  readonly #names: readonly string[];
  /** The column whose spans of time are closed after a while. */
  readonly #kept: GroupColumn | undefined;
  /** Of the spans that may be closed: their groups. */
  readonly #spans = new Map<number, Set<Group>>();
  #newestMs = Number.NEGATIVE_INFINITY;
  #left: RowStep[] = [];

  constructor(plan: GroupPlan, settled?: JsonValue) {
    this.#plan = plan;
    this.#names = plan.groupBy.map(({ name }) => name);
    this.#kept = plan.groupBy.find(({ bucket }) => bucket?.keep !== undefined);
    if (settled === undefined) return;
    const { newestMs, groups } = settled as unknown as Settled;
    this.#newestMs = newestMs ?? this.#newestMs;
    for (const [values, startMs, rows, accumulators] of groups) {
      const key = this.#keyOf(values);
      const place = { key, values, startMs: startMs ?? undefined };
      const group = this.#open(place, accumulators);
      group.rows = rows;
      group.settledRows = rows;
      this.#dirty.add(group);
    }
  }

  follow({ before, after, evicted }: RowStep): void {
    if (before !== undefined) {
      if (evicted && this.#plan.keepsEvicted) this.#settle(before);
      else this.#remove(before);
    }
    if (after !== undefined) this.#add(after);
  }

  /** A row that stays for good. */
  addSettled(row: Ranked): void {
    this.#add(row);
    this.#settle(row);
  }

  /** The groups that have changed since the last call. */
  take(): readonly RowStep[] {
    const steps = this.#left;
    this.#left = [];
    for (const group of this.#dirty) {
      const { key, shown: before } = group;
      if (group.rows === 0) this.#groups.delete(key);
      if (group.rows === 0 && group.startMs !== undefined)
        this.#spans.get(group.startMs)?.delete(group);
      const after = group.rows === 0 ? undefined : this.#shown(group);
      group.shown = after;
      if (before !== undefined || after !== undefined)
        steps.push({ key, before, after, evicted: false });
    }
    this.#dirty.clear();
    return steps;
  }

  /** Whether a group's row is of a span that is closed. */
  isClosed(row: Row): boolean {
    if (this.#kept?.bucket === undefined) return false;
    const span = bucketOf(row[this.#kept.name], this.#kept.bucket);
    return span !== undefined && span.startMs < this.#horizonMs;
  }

  get settled(): JsonValue | undefined {
    const groups: SettledGroup[] = [];
    for (const { values, startMs = null, settledRows, accumulators } of this.#groups.values())
      if (settledRows > 0)
        groups.push([values, startMs, settledRows, accumulators.map(({ settled }) => settled)]);
    const newestMs = Number.isFinite(this.#newestMs) ? this.#newestMs : null;
    if (groups.length === 0 && newestMs === null) return undefined;
    return { newestMs, groups } as unknown as JsonValue;
  }

  /** Spans that begin before it are closed. */
  get #horizonMs(): number {
    const { keep = 0, widthMs = 0 } = this.#kept?.bucket ?? {};
    return this.#kept === undefined
      ? Number.NEGATIVE_INFINITY
      : this.#newestMs - (keep - 1) * widthMs;
  }

  #add(row: Ranked): void {
    const place = this.#placeOf(row.row);
    if (place === undefined) return;
    const group = this.#groups.get(place.key) ?? this.#open(place);
    this.#checkSame(group, place);
    for (const accumulator of group.accumulators) accumulator.add(row);
    group.rows++;
    this.#dirty.add(group);
  }

  #remove(row: Ranked): void {
    const group = this.#groupOf(row);
    if (group === undefined) return;
    for (const accumulator of group.accumulators) accumulator.remove(row);
    group.rows--;
    this.#dirty.add(group);
  }

  #settle(row: Ranked): void {
    const group = this.#groupOf(row);
    if (group === undefined) return;
    for (const accumulator of group.accumulators) accumulator.settle(row);
    group.settledRows++;
  }

  #groupOf({ row }: Ranked): Group | undefined {
    const place = this.#placeOf(row);
    return place && this.#groups.get(place.key);
  }

  #open(place: Place, settled: readonly JsonValue[] = []): Group {
    const { accumulators, groupsMax, name } = this.#plan;
    if (this.#groups.size >= groupsMax)
      throw new TidemarkError(
        "GROUPS_FULL",
        `GROUPS_FULL: "${name}" has ${groupsMax} groups (groupsMax). Group by fewer values, filter with where, keep fewer spans of time (timeBucket with keep), or raise groupsMax.`,
      );
    const group: Group = {
      ...place,
      accumulators: accumulators.map((make, index) => make(settled[index])),
      rows: 0,
      settledRows: 0,
      shown: undefined,
    };
    this.#groups.set(place.key, group);
    if (this.#kept !== undefined && place.startMs !== undefined) {
      const span = this.#spans.get(place.startMs);
      if (span === undefined) this.#spans.set(place.startMs, new Set([group]));
      else span.add(group);
    }
    return group;
  }

  /** Undefined for a row that belongs to no group, or to one that is closed. */
  #placeOf(row: Row): Place | undefined {
    const values: JsonValue[] = [];
    let startMs: number | undefined;
    for (const each of this.#plan.groupBy) {
      const value = row[each.column] ?? null;
      if (each.bucket === undefined) {
        if (value === null) return undefined;
        values.push(each.canonical(value));
        continue;
      }
      const bucket = bucketOf(value, each.bucket);
      if (bucket === undefined) return undefined;
      if (each === this.#kept) startMs = bucket.startMs;
      values.push(bucket.shown);
    }
    if (startMs !== undefined) this.#reach(startMs);
    if (startMs !== undefined && startMs < this.#horizonMs) return undefined;
    return { key: this.#keyOf(values), values, startMs };
  }

  /** A newer span closes old ones. */
  #reach(startMs: number): void {
    if (startMs <= this.#newestMs) return;
    this.#newestMs = startMs;
    const horizonMs = this.#horizonMs;
    for (const [spanMs, groups] of this.#spans) {
      if (spanMs >= horizonMs) continue;
      this.#spans.delete(spanMs);
      for (const group of groups) this.#close(group);
    }
  }

  #close(group: Group): void {
    const { key, shown } = group;
    this.#groups.delete(key);
    this.#dirty.delete(group);
    if (shown !== undefined)
      this.#left.push({ key, before: shown, after: undefined, evicted: true });
  }

  /** An undeclared column may hold 1 and "1", which would have one key. */
  #checkSame({ values }: Group, place: Place): void {
    for (const [index, value] of place.values.entries()) {
      if (values[index] === value || typeof value === "object") continue;
      const { column } = this.#plan.groupBy[index] as GroupColumn;
      throw new TidemarkError(
        "BAD_ROW",
        `Column "${column}" has ${JSON.stringify(values[index])} and ${JSON.stringify(value)}, which can't be told apart as keys. Declare the column's type.`,
      );
    }
  }

  #keyOf(values: readonly JsonValue[]): string {
    const row = Object.fromEntries(values.map((value, index) => [index, value]));
    return keyOf(row, Object.keys(row)) as string;
  }

  #shown({ key, values, rows, accumulators }: Group): Ranked {
    const row: Record<string, JsonValue> = {};
    for (const [index, name] of this.#names.entries()) row[name] = values[index] as JsonValue;
    for (const { name, read } of this.#plan.columns) row[name] = read(rows, accumulators);
    return { key, row: withComputed(row, this.#plan.compute) };
  }
}
