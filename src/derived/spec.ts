/** A derived table as the application declared it, without types; `plan.ts` checks it. */
import type { ChannelHistory } from "../log/limits.ts";
import type { WireOrderBy, WireWhere } from "../protocol/query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { Aggregate, TimeBucket } from "./aggregate.ts";

interface JoinSpec {
  readonly with: string;
  /** By column of the source: the column of the joined table. */
  readonly on: Readonly<Record<string, string>>;
  /** By name in the result: the column of the joined table. */
  readonly columns: Readonly<Record<string, string>>;
  readonly kind: "left" | "inner";
}

/** A pure function of a row: the value of one more column. */
export type Compute = (row: Row) => JsonValue;

export interface DerivedSpec {
  readonly from: string;
  readonly over: "window" | "stream";
  readonly join: JoinSpec | undefined;
  readonly where: WireWhere | undefined;
  /** Empty where rows are not grouped. */
  readonly groupBy: Readonly<Record<string, string | TimeBucket>>;
  readonly columns: Readonly<Record<string, Aggregate>>;
  readonly compute: Readonly<Record<string, Compute>>;
  readonly orderBy: readonly WireOrderBy[];
  readonly limit: number | undefined;
  readonly groupsMax: number;
  readonly history: Partial<ChannelHistory> | undefined;
}

export function isGrouped({ groupBy }: Pick<DerivedSpec, "groupBy">): boolean {
  return Object.keys(groupBy).length > 0;
}

/** Equal for two declarations that compute the same. */
export function textOf({ compute, history: _history, ...spec }: DerivedSpec): string {
  const functions = Object.entries(compute).map(([name, value]) => [name, String(value)]);
  return JSON.stringify([spec, functions]);
}
