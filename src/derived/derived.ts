/**
 * `derived()`: declares a table that the server computes from another channel. Columns, keys and
 * the result's row are typed by the rows of the source.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelHistory } from "../log/limits.ts";
import type { Column } from "../protocol/column.ts";
import type { JsonValue } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import { toWireWhere, type OrderBy, type Where } from "../protocol/user-query.ts";
import type { Aggregate, AggregateKind, TimeBucket } from "./aggregate.ts";
import { DERIVED_LIMITS } from "./limits.ts";
import { isGrouped, type Compute, type DerivedSpec } from "./spec.ts";

type Name<R> = Extract<keyof R, string>;

/** One channel under its name: `{ trades }`. */
export type Source = Readonly<Record<string, TypedChannel<unknown>>>;
type RowIn<F extends Source> = RowOf<F[keyof F]>;

/** A table, keyed and small, whose columns are added to each row. */
export interface Join<R, S extends Source, C, K extends "left" | "inner"> {
  readonly with: S;
  /** By column of the source: the column of the joined table. All of its key, and nothing else. */
  readonly on: { readonly [Own in Name<R>]?: Name<RowIn<S>> };
  /** By name in the result: the column of the joined table. */
  readonly columns: C;
  /** `left` keeps a row without a partner, with null in the added columns. */
  readonly kind: K;
}

type JoinedRow<R, S extends Source, C, K> = [keyof C] extends [never]
  ? R
  : Flat<
      R & {
        readonly [N in keyof C]: C[N] extends keyof RowIn<S>
          ? RowIn<S>[C[N]] | (K extends "left" ? null : never)
          : never;
      }
    >;

type GroupBy<R> = Readonly<Record<string, Name<R> | TimeBucket<Name<R>>>>;
type Aggregates<R> = Readonly<Record<string, Aggregate<AggregateKind, Name<R>, Name<R>>>>;

/** Numbers and texts, whatever values the column's type names. */
type Wide<T> = T extends number ? number : T extends string ? string : T;
type ColumnOf<R, C> = C extends keyof R ? R[C] : never;
type ResultOf<R, A> =
  A extends Aggregate<infer Kind, infer Column, string>
    ? Kind extends "count"
      ? number
      : Kind extends "sum" | "avg"
        ? Wide<ColumnOf<R, Column>>
        : ColumnOf<R, Column>
    : never;
type KeyOf<R, By> =
  By extends TimeBucket<infer Column>
    ? Wide<NonNullable<ColumnOf<R, Column>>>
    : NonNullable<ColumnOf<R, By>>;
type Flat<T> = { readonly [N in keyof T]: T[N] };

type GroupedRow<R, G, A> = [keyof G] extends [never]
  ? R
  : Flat<
      { readonly [N in keyof G]: KeyOf<R, G[N]> } & { readonly [N in keyof A]: ResultOf<R, A[N]> }
    >;
type ComputedRow<R, X> = [keyof X] extends [never]
  ? R
  : Flat<R & { readonly [N in keyof X]: X[N] }>;

export interface DerivedOptions<R, J, G, A, Grouped, X, Out, F extends Source, Caller> {
  /**
   * The channel that it is computed from, under its name: `{ trades }`. A channel that the program
   * declares, another derived table, or a table of a source.
   */
  readonly from: F;
  /**
   * `window`: the table is computed from the rows that the channel has now. `stream`: rows that the
   * channel evicts still count; only their removal takes them away.
   */
  readonly over: "window" | "stream";
  readonly join?: J;
  /** Which rows count, after the join; the same language as in queries. */
  readonly where?: Where<NoInfer<R>>;
  /** The key of the result: by name, a column, or a bucket of time. */
  readonly groupBy?: G;
  /** The columns of each group. */
  readonly columns?: A;
  /** Further columns: pure functions of the result's row. A number that is not finite is null. */
  readonly compute?: { readonly [N in keyof X]: (row: Grouped) => X[N] };
  /** With `limit`: only the first rows in this order, ties by key. */
  readonly orderBy?: readonly OrderBy<NoInfer<Out>>[];
  readonly limit?: number;
  /** Default 100,000. Full: the table is stale with `GROUPS_FULL` in its reason. */
  readonly groupsMax?: number;
  /** As with `channel()`: keeps each version of the rows in the history store. */
  readonly history?: Partial<ChannelHistory> | true;
  /** Which rows a caller may see. Default: everyone sees all rows. */
  readonly policy?: (caller: Caller) => "all" | "none" | Where;
}

/** The result of `derived()`: pass it to `createTidemark` in `channels`. */
export interface DerivedDefinition<R, Caller = unknown> extends TypedChannel<R> {
  readonly key: readonly string[];
  readonly row: undefined;
  readonly columns: readonly Column[];
  readonly bounds: Readonly<Record<string, never>>;
  readonly history: Partial<ChannelHistory> | undefined;
  readonly policy: ((caller: Caller) => "all" | "none" | Where) | undefined;
  readonly ingest: undefined;
  readonly derived: DerivedSpec;
  /** The definitions that it names, to compare with those of the server. */
  readonly sources: Source;
}

/**
 * Declares a derived table. @throws TidemarkError `BAD_OPTION`; what depends on the sources'
 * columns is checked when the server starts
 */
export function derived<
  const F extends Source,
  const S extends Source = Record<never, never>,
  const C extends Readonly<Record<string, Name<RowIn<S>>>> = Record<never, never>,
  const K extends "left" | "inner" = "left",
  const G extends GroupBy<JoinedRow<RowIn<F>, S, C, K>> = Record<never, never>,
  const A extends Aggregates<JoinedRow<RowIn<F>, S, C, K>> = Record<never, never>,
  X extends Readonly<Record<string, JsonValue>> = Record<never, never>,
  Caller = unknown,
>(
  options: DerivedOptions<
    JoinedRow<RowIn<F>, S, C, K>,
    Join<RowIn<F>, S, C, K>,
    G,
    A,
    GroupedRow<JoinedRow<RowIn<F>, S, C, K>, G, A>,
    X,
    ComputedRow<GroupedRow<JoinedRow<RowIn<F>, S, C, K>, G, A>, X>,
    F,
    Caller
  >,
): DerivedDefinition<ComputedRow<GroupedRow<JoinedRow<RowIn<F>, S, C, K>, G, A>, X>, Caller> {
  const { join, where, orderBy = [], limit, groupsMax = DERIVED_LIMITS.groupsMax, over } = options;
  const history = options.history === true ? {} : options.history;
  const spec: DerivedSpec = {
    from: nameIn(options.from),
    over,
    join: join && {
      with: nameIn(join.with),
      on: join.on as Readonly<Record<string, string>>,
      columns: join.columns,
      kind: join.kind,
    },
    where: where && toWireWhere(where as Where),
    groupBy: options.groupBy ?? {},
    columns: options.columns ?? {},
    compute: (options.compute ?? {}) as unknown as Readonly<Record<string, Compute>>,
    orderBy,
    limit,
    groupsMax,
    history,
  };
  return {
    key: isGrouped(spec) ? Object.keys(spec.groupBy) : [],
    row: undefined,
    columns: [],
    bounds: {},
    history,
    policy: options.policy,
    ingest: undefined,
    derived: spec,
    sources: { ...options.from, ...join?.with },
  };
}

function nameIn(source: Source): string {
  const names = Object.keys(source);
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  throw new TidemarkError(
    "BAD_OPTION",
    "A derived table names one channel with its definition: from: { trades }.",
  );
}
