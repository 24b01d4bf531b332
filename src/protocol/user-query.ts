/**
 * A query as TypeScript users write it, in camelCase and typed by the channel's row, and its mapping to and
 * from the wire. A field that a query does not have is an error that names the right one.
 */
import { TidemarkError } from "../std/errors.ts";
import type { WireQuery, WireWhere } from "./query.ts";
import type { Row } from "./row.ts";

type Name<R> = Extract<keyof R, string>;

/** One comparison of one column. As in SQL, a comparison with null matches nothing: use `isNull`. */
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
    | { readonly column: C; readonly isNull: boolean };
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
  /** The row's key breaks ties. */
  readonly orderBy?: readonly OrderBy<R>[];
  /**
   * Keeps the first `limit` rows in order; without `orderBy`, the rows that changed last in the channel
   * (ties by key), which the client shows in the order of their keys. The view refills when a row leaves.
   */
  readonly limit?: number;
  /** Send only these columns; key and `orderBy` columns are always sent. */
  readonly columns?: readonly Name<R>[];
}

const FIELDS = ["channel", "where", "orderBy", "limit", "columns"];

/** @throws TidemarkError `BAD_QUERY` for a field that a query does not have, as `order_by` */
export function toWireQuery({ orderBy, where, ...rest }: Query): WireQuery {
  for (const field of Object.keys(rest))
    if (!FIELDS.includes(field)) throw unknownField(field, FIELDS);
  return {
    ...rest,
    ...(where !== undefined && { where: toWireWhere(where) }),
    ...(orderBy !== undefined && { order_by: orderBy }),
  };
}

/** @throws TidemarkError `BAD_QUERY` for `is_null` */
export function toWireWhere(where: Where): WireWhere {
  if ("and" in where) return { and: where.and.map(toWireWhere) };
  if ("or" in where) return { or: where.or.map(toWireWhere) };
  if ("not" in where) return { not: toWireWhere(where.not) };
  if ("is_null" in where) throw unknownField("is_null", ["isNull"]);
  return "isNull" in where ? { column: where.column, is_null: where.isNull } : where;
}

export function fromWireQuery({ order_by, where, ...rest }: WireQuery): Query {
  return {
    ...rest,
    ...(where !== undefined && { where: fromWireWhere(where) }),
    ...(order_by !== undefined && { orderBy: order_by }),
  };
}

export function fromWireWhere(where: WireWhere): Where {
  if ("and" in where) return { and: where.and.map(fromWireWhere) };
  if ("or" in where) return { or: where.or.map(fromWireWhere) };
  if ("not" in where) return { not: fromWireWhere(where.not) };
  return "is_null" in where ? { column: where.column, isNull: where.is_null } : where;
}

function unknownField(field: string, fields: readonly string[]): TidemarkError {
  const camelCase = field.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return new TidemarkError(
    "BAD_QUERY",
    fields.includes(camelCase)
      ? `Bad query: write "${camelCase}" instead of "${field}".`
      : `Bad query: a query has no field "${field}"; it has ${fields.join(", ")}.`,
  );
}
