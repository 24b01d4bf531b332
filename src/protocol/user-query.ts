/**
 * A query as TypeScript users write it, in camelCase and typed by the channel's row, and its
 * mapping to and from the wire. A field in snake_case is an error here that names the right one.
 */
import { TidemarkError } from "../std/errors.ts";
import type { WireQuery, WireWhere } from "./query.ts";
import type { Row } from "./row.ts";

type Name<R> = Extract<keyof R, string>;

/**
 * One comparison of one column. As in SQL, a comparison with null matches nothing: use `isNull`.
 */
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
   * Keeps the first `limit` rows in order; without `orderBy`, the rows that changed last in the
   * channel (ties by key), which the client shows in the order of their keys. The view refills when
   * a row leaves.
   */
  readonly limit?: number;
  /** Send only these columns; key and `orderBy` columns are always sent. */
  readonly columns?: readonly Name<R>[];
  /**
   * Goes on into the channel's history: `limit` rows (default 200) at first, and more with
   * `history.loadMore()` of the result, back to the oldest row that the server keeps.
   */
  readonly history?: boolean;
  /**
   * The rows as they were then, from the channel's history: a seq, or a time, as a `Date` or in ISO
   * 8601. They stand still, and `limit` and `history.loadMore()` work as with `history`.
   */
  readonly asOf?: Moment;
}

/** A commit by its seq, or the last commit at or before a time. */
type Moment = number | Date | string;

const TO_WIRE: Names = { orderBy: "order_by", isNull: "is_null" };
const FROM_WIRE: Names = { order_by: "orderBy", is_null: "isNull" };

type Names = Readonly<Record<string, string>>;

/** @throws TidemarkError `BAD_QUERY` for a name of the wire, as `order_by` */
export function toWireQuery(query: Query): WireQuery {
  // As JSON first: an operand may be a `Date`, which is sent as its text.
  return renamed(JSON.parse(JSON.stringify(query)), TO_WIRE, FROM_WIRE) as WireQuery;
}

/** A query for the wire, and apart from it the moment that it asks for, as JSON has it. */
export interface TimedQuery {
  readonly query: WireQuery;
  readonly asOf: number | string | undefined;
}

/** @throws TidemarkError `BAD_QUERY` for a name of the wire */
export function toTimedQuery({ asOf, ...query }: Query): TimedQuery {
  const moment = asOf instanceof Date ? String(asOf.toJSON()) : asOf;
  return { query: toWireQuery(query), asOf: moment };
}

/** @throws TidemarkError `BAD_QUERY` for `is_null` */
export function toWireWhere(where: Where): WireWhere {
  return renamed(where, TO_WIRE, FROM_WIRE) as WireWhere;
}

export function fromWireQuery(query: WireQuery): Query {
  return renamed(query, FROM_WIRE) as Query;
}

/**
 * Only the names of a query's own fields and operators change; columns and operands are values and
 * stay as they are.
 */
function renamed(value: unknown, names: Names, wrong: Names = {}): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names, wrong));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (Object.hasOwn(wrong, name))
        throw new TidemarkError(
          "BAD_QUERY",
          `Bad query: write "${wrong[name]}" instead of "${name}".`,
        );
      return [Object.hasOwn(names, name) ? names[name] : name, renamed(inner, names, wrong)];
    }),
  );
}
