/** The order of a page and the place behind which it begins, as SQL. */
import type { WireOrderBy } from "../../protocol/query.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { PagePlace } from "../history.ts";
import { compareSql } from "./compare.ts";
import { all, some, type SqlColumn, type SqlContext, type SqlTerm } from "./dialect.ts";
import { textKey } from "./order-key.ts";

export interface OrderContext extends SqlContext {
  /** The column with `textKey` of each row's key. */
  readonly key: SqlTerm;
}

type Order = readonly Required<WireOrderBy>[];

/** Whether SQL has the order: it has no order for columns that are not declared. */
export function isSqlOrder(orderBy: Order, { columns }: Pick<SqlContext, "columns">): boolean {
  return orderBy.every(({ column }) => (columns(column)?.terms.length ?? 0) > 0);
}

/** The expressions of an ORDER BY, the key last. */
export function orderSql(orderBy: Order, { columns, key }: OrderContext): string {
  const parts = orderBy.flatMap(({ column, direction, nulls }) =>
    (columns(column)?.terms ?? []).map(
      ({ sql }) => `${sql} ${direction.toUpperCase()} NULLS ${nulls.toUpperCase()}`,
    ),
  );
  return [...parts, `${key.sql} ASC`].join(", ");
}

/** SQL that is true for the rows behind a place. */
export function afterSql(orderBy: Order, place: PagePlace, context: OrderContext): string {
  const { key, parameters } = context;
  const [first, ...rest] = orderBy;
  if (first === undefined) return `${key.sql} > ${parameters.add(textKey(place.key), key.type)}`;
  const column = context.columns(first.column);
  if (column === undefined) return "TRUE";
  const value = place.row[first.column] ?? null;
  const behind = behindSql(first, column, value, context);
  const same = value === null ? column.isNull : compareSql(column, "eq", value, parameters);
  const condition = some([behind, all([same, afterSql(rest, place, context)])]);
  if (value === null || first.nulls === "last" || same === "FALSE") return condition;
  // Follows from the condition; stores skip blocks of rows by it.
  const bound = compareSql(column, first.direction === "asc" ? "gte" : "lte", value, parameters);
  return all([bound, condition]);
}

function behindSql(
  { direction, nulls }: Required<WireOrderBy>,
  column: SqlColumn,
  value: JsonValue,
  { parameters }: SqlContext,
): string {
  if (value === null) return nulls === "first" ? `NOT ${column.isNull}` : "FALSE";
  const beyond = compareSql(column, direction === "asc" ? "gt" : "lt", value, parameters);
  return nulls === "last" ? some([beyond, column.isNull]) : beyond;
}
