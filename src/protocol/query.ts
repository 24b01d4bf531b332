/**
 * A query on the wire: channel, `where`, `order_by`, `limit` and `columns` as plain JSON. This
 * file has the types, and `query-schema.ts` the server's checks. Users write `Query` from
 * `user-query.ts`.
 */
import type { JsonValue } from "./row.ts";

/** One comparison of one column. Comparing with null is unknown, as in SQL; use `is_null`. */
export type WireCondition =
  | { readonly column: string; readonly eq: JsonValue }
  | { readonly column: string; readonly ne: JsonValue }
  | { readonly column: string; readonly lt: JsonValue }
  | { readonly column: string; readonly lte: JsonValue }
  | { readonly column: string; readonly gt: JsonValue }
  | { readonly column: string; readonly gte: JsonValue }
  | { readonly column: string; readonly in: readonly JsonValue[] }
  | { readonly column: string; readonly between: readonly [JsonValue, JsonValue] }
  | { readonly column: string; readonly like: string }
  | { readonly column: string; readonly regex: string }
  | { readonly column: string; readonly is_null: boolean };

export type WireWhere =
  | WireCondition
  | { readonly and: readonly WireWhere[] }
  | { readonly or: readonly WireWhere[] }
  | { readonly not: WireWhere };

export interface WireOrderBy {
  readonly column: string;
  readonly direction?: "asc" | "desc";
  readonly nulls?: "first" | "last";
}

export interface WireQuery {
  readonly channel: string;
  readonly where?: WireWhere;
  readonly order_by?: readonly WireOrderBy[];
  /**
   * Keeps the first `limit` rows in order; without `order_by`, the rows that changed last in the
   * channel (ties by key), which the client shows in the order of their keys. The view refills when
   * a row leaves.
   */
  readonly limit?: number;
  readonly columns?: readonly string[];
  /**
   * For a client that also loads rows from history: rows that leave the live table by eviction are
   * not removed, and rows outside of it that stop matching are. Without `limit`.
   */
  readonly history?: boolean;
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
