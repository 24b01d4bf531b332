/** Compiles the columns of a group: what each group keeps, shared where columns need the same. */
import type { Column, ColumnType } from "../protocol/column.ts";
import { canonicalDecimal, isDecimal } from "../protocol/decimal.ts";
import { compileOrder } from "../protocol/order.ts";
import type { JsonValue } from "../protocol/row.ts";
import { canonicalTimestamp } from "../protocol/timestamp.ts";
import { ValueCount, type Accumulator } from "./accumulator.ts";
import type { Aggregate } from "./aggregate.ts";
import { ColumnExtremes } from "./column-extremes.ts";
import { ColumnSum } from "./column-sum.ts";
import type { GroupColumn, GroupPlan } from "./group-stage.ts";
import type { SourceColumns } from "./source-columns.ts";
import type { DerivedSpec } from "./spec.ts";

type Make = (settled?: JsonValue) => Accumulator;
type Read = (rows: number, accumulators: readonly Accumulator[]) => JsonValue;

/** @throws TidemarkError `BAD_OPTION` for columns that the source lacks or that don't fit */
export function planGroups(name: string, spec: DerivedSpec, source: SourceColumns): GroupPlan {
  const shared = new SharedAccumulators(source);
  const columns = Object.entries(spec.columns).map(([each, aggregate]) => ({
    name: each,
    read: shared.readerOf(each, aggregate),
  }));
  return {
    name,
    groupBy: groupColumns(spec, source),
    accumulators: shared.makers,
    columns,
    compute: spec.compute,
    groupsMax: spec.groupsMax,
    keepsEvicted: spec.over === "stream",
  };
}

/** The declared columns of the groups; none where the source declares none. */
export function columnsOfGroups(spec: DerivedSpec, source: SourceColumns): readonly Column[] {
  if (!source.isDeclared) return [];
  const keys = Object.entries(spec.groupBy).map(([name, by]): Column => ({
    name,
    type: typeof by === "string" ? source.typeOf(by) : bucketType(source.typeOf(by.column)),
  }));
  const columns = Object.entries(spec.columns).map(([name, aggregate]): Column => ({
    name,
    type: resultType(aggregate, source),
  }));
  const computed = Object.keys(spec.compute).map((name): Column => ({ name, type: "any" }));
  return [...keys, ...columns, ...computed];
}

function bucketType(type: ColumnType): ColumnType {
  return type === "date" ? "timestamp" : type;
}

function resultType({ kind, column }: Aggregate, source: SourceColumns): ColumnType {
  if (kind === "count" || column === undefined) return "integer";
  const type = source.typeOf(column);
  if (kind === "avg" && type === "integer") return "float";
  return (kind === "avg" || kind === "sum") && type === "bigint" ? "numeric" : type;
}

function groupColumns({ groupBy }: DerivedSpec, source: SourceColumns): readonly GroupColumn[] {
  return Object.entries(groupBy).map(([name, by]) => {
    const column = typeof by === "string" ? by : by.column;
    const type = source.typeOf(column);
    const bucket = typeof by === "string" ? undefined : by;
    if (type === "json") throw source.bad(column, "holds JSON, and rows can't be grouped by it");
    if (bucket !== undefined && !TIMES.includes(type))
      throw source.bad(
        column,
        `is ${type}, and a time bucket needs a timestamp, a date, or Unix milliseconds as a number`,
      );
    return { name, column, bucket, canonical: canonicalOf(type) };
  });
}

const TIMES: readonly ColumnType[] = ["timestamp", "date", "integer", "float", "any"];

/** Equal values in one form, so that a group does not depend on which of its rows came first. */
function canonicalOf(type: ColumnType): GroupColumn["canonical"] {
  if (type === "numeric" || type === "bigint")
    return (value) => {
      const text = String(value);
      return isDecimal(text) ? canonicalDecimal(text) : text;
    };
  if (type !== "timestamp") return (value) => value;
  return (value) => {
    const canonical = canonicalTimestamp(String(value));
    return canonical === undefined || !/\d$/.test(canonical) ? value : `${canonical}Z`;
  };
}

const SUMMED: readonly ColumnType[] = ["integer", "float", "bigint", "numeric", "any"];

class SharedAccumulators {
  readonly makers: Make[] = [];
  readonly #source: SourceColumns;
  readonly #places = new Map<string, number>();
  readonly #reads = new Map<string, Set<string>>();

  constructor(source: SourceColumns) {
    this.#source = source;
  }

  readerOf(name: string, aggregate: Aggregate): Read {
    const { kind, column, by } = aggregate;
    if (column === undefined) return (rows) => rows;
    switch (kind) {
      case "count":
        return this.#countOf(column);
      case "sum":
      case "avg":
        return this.#sumOf(kind, column);
      case "min":
      case "max":
        return this.#extremeOf(kind === "min" ? "first" : "last", column, column);
      case "first":
      case "last":
        if (by !== undefined) return this.#extremeOf(kind, column, by);
        throw this.#source.bad(name, `is the ${kind} in no order: give by`);
    }
  }

  #countOf(column: string): Read {
    this.#source.typeOf(column);
    const at = this.#place(`count ${column}`, (settled) => new ValueCount(column, settled));
    return (_rows, accumulators) => (accumulators[at] as ValueCount).count;
  }

  #sumOf(kind: "sum" | "avg", column: string): Read {
    const type = this.#source.typeOf(column);
    if (!SUMMED.includes(type))
      throw this.#source.bad(column, `is ${type}, and only numbers and decimals have a ${kind}`);
    const at = this.#place(`sum ${column}`, (settled) => new ColumnSum({ column, type }, settled));
    return (_rows, accumulators) => {
      const total = accumulators[at] as ColumnSum;
      return kind === "sum" ? total.sum : total.average;
    };
  }

  #extremeOf(side: "first" | "last", column: string, by: string): Read {
    if (this.#source.typeOf(by) === "json")
      throw this.#source.bad(by, "holds JSON and has no order");
    this.#source.typeOf(column);
    const id = `order ${by}`;
    const reads = this.#reads.get(id) ?? new Set([by]);
    this.#reads.set(id, reads.add(column));
    const order = compileOrder([{ column: by }], this.#source.context);
    const at = this.#place(
      id,
      (settled) => new ColumnExtremes({ column: by, order, reads }, settled),
    );
    return (_rows, accumulators) => (accumulators[at] as ColumnExtremes)[side]?.[column] ?? null;
  }

  #place(id: string, make: Make): number {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    this.#places.set(id, this.makers.length);
    return this.makers.push(make) - 1;
  }
}
