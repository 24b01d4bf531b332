/**
 * A query: channel + `where` + `order_by` + `limit` + `columns`, as plain JSON. This file has the
 * types that people write; `query-schema.ts` has what a server accepts of them.
 */
import type { Row } from "./row.ts";

type Name<R> = Extract<keyof R, string>;

/** One comparison of one column. Comparing with null is unknown, as in SQL; use `is_null`. */
export type Condition<R = Row> = {
  [C in Name<R>]:
    | { readonly column: C; readonly eq: R[C] }
    | { readonly column: C; readonly ne: R[C] }
    | { readonly column: C; readonly lt: R[C] }
    | { readonly column: C; readonly lte: R[C] }
    | { readonly column: C; readonly gt: R[C] }
    | { readonly column: C; readonly gte: R[C] }
    | { readonly column: C; readonly in: readonly R[C][] }
    | { readonly column: C; readonly between: readonly [R[C], R[C]] }
    | { readonly column: C; readonly like: string }
    | { readonly column: C; readonly regex: string }
    | { readonly column: C; readonly is_null: boolean };
}[Name<R>];

export type Where<R = Row> =
  | Condition<R>
  | { readonly and: readonly Where<R>[] }
  | { readonly or: readonly Where<R>[] }
  | { readonly not: Where<R> };

export interface OrderBy<R = Row> {
  readonly column: Name<R>;
  /** Default `asc`. */
  readonly direction?: "asc" | "desc";
  /** Default as in Postgres: last when ascending, first when descending. */
  readonly nulls?: "first" | "last";
}

export interface Query<R = Row> {
  readonly channel: string;
  readonly where?: Where<R>;
  /** Ties are broken by the row's key. */
  readonly order_by?: readonly OrderBy<R>[];
  /**
   * Keeps the first `limit` rows in order; without `order_by`, the rows that changed last in the channel
   * (ties by key), which the client shows in the order of their keys. The view refills when a row leaves.
   */
  readonly limit?: number;
  /** Send only these columns; key and `order_by` columns are always sent. */
  readonly columns?: readonly Name<R>[];
}

export const OPERATORS = [
  "eq",
  "ne",
  "lt",
  "lte",
  "gt",
  "gte",
  "in",
  "between",
  "like",
  "regex",
  "is_null",
] as const;
export type Operator = (typeof OPERATORS)[number];
