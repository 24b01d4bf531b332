/**
 * A query: channel + `where` + `order_by` + `limit` + `columns`, as plain JSON. This file has
 * its types, for people to write, and `parseQuery`, which turns untrusted JSON into a normal
 * form: equal questions become equal texts, so that they can share one view.
 */
import { TidemarkError } from "../std/errors.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import type { JsonValue, Row } from "./row.ts";

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

const OPERATORS = [
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
type Operator = (typeof OPERATORS)[number];

const QUERY_FIELDS = new Set(["channel", "where", "order_by", "limit", "columns"]);

/**
 * Checks shape and limits of untrusted JSON, not yet whether the columns exist.
 * @throws TidemarkError `BAD_QUERY`, saying which part and what is allowed
 */
export function parseQuery(input: unknown): Query {
  if (typeof input === "string") return { channel: channelName(input) };
  const record = asRecord(input, "a query");
  for (const field of Object.keys(record)) {
    if (!QUERY_FIELDS.has(field)) {
      throw bad(`a query has no field "${field}"; it has ${[...QUERY_FIELDS].join(", ")}`);
    }
  }
  const budget = { nodes: PROTOCOL_LIMITS.whereNodesMax };
  return {
    channel: channelName(record["channel"]),
    ...(record["where"] != null && { where: parseWhere(record["where"], budget, 0) }),
    ...(record["order_by"] != null && nonEmpty("order_by", parseOrderBy(record["order_by"]))),
    ...(record["limit"] != null && { limit: parseLimit(record["limit"]) }),
    ...(record["columns"] != null && { columns: parseColumns(record["columns"]) }),
  };
}

function nonEmpty(name: "order_by", list: readonly OrderBy[]): { order_by?: readonly OrderBy[] } {
  return list.length === 0 ? {} : { [name]: list };
}

function channelName(value: unknown): string {
  if (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= PROTOCOL_LIMITS.channelNameLengthMax
  ) {
    return value;
  }
  throw bad(`"channel" must be a name of 1 to ${PROTOCOL_LIMITS.channelNameLengthMax} characters`);
}

function parseWhere(input: unknown, budget: { nodes: number }, depth: number): Where {
  if (--budget.nodes < 0) throw bad(`a where has at most ${PROTOCOL_LIMITS.whereNodesMax} terms`);
  if (depth > PROTOCOL_LIMITS.whereDepthMax) {
    throw bad(`a where nests at most ${PROTOCOL_LIMITS.whereDepthMax} levels`);
  }
  const record = asRecord(input, "a where");
  const fields = Object.keys(record);
  if (fields.length === 1 && (fields[0] === "and" || fields[0] === "or")) {
    const group = fields[0];
    const terms = asArray(record[group], `"${group}"`).map((term) =>
      parseWhere(term, budget, depth + 1),
    );
    return group === "and" ? { and: terms } : { or: terms };
  }
  if (fields.length === 1 && fields[0] === "not") {
    return { not: parseWhere(record["not"], budget, depth + 1) };
  }
  return parseCondition(record, fields);
}

function parseCondition(record: Record<string, unknown>, fields: readonly string[]): Condition {
  const { column } = record;
  const operator = fields.find((field) => field !== "column") as Operator | undefined;
  if (
    typeof column !== "string" ||
    fields.length !== 2 ||
    operator === undefined ||
    !OPERATORS.includes(operator)
  ) {
    throw bad(
      `a where term is {"column": name, "<operator>": value} with one of ${OPERATORS.join(", ")}, ` +
        `or {"and": [...]}, {"or": [...]}, {"not": ...}; got ${JSON.stringify(record).slice(0, 120)}`,
    );
  }
  const operand = record[operator];
  switch (operator) {
    case "in": {
      const values = asArray(operand, '"in"');
      if (values.length > PROTOCOL_LIMITS.inValuesMax) {
        throw bad(`"in" takes at most ${PROTOCOL_LIMITS.inValuesMax} values`);
      }
      return { column, in: values.map(scalar) };
    }
    case "between": {
      const bounds = asArray(operand, '"between"');
      if (bounds.length !== 2) throw bad('"between" takes two values: [low, high]');
      return { column, between: [scalar(bounds[0]), scalar(bounds[1])] };
    }
    case "like":
    case "regex":
      if (typeof operand !== "string" || operand.length > PROTOCOL_LIMITS.patternLengthMax) {
        throw bad(
          `"${operator}" takes a text of at most ${PROTOCOL_LIMITS.patternLengthMax} characters`,
        );
      }
      return { column, [operator]: operand } as Condition;
    case "is_null":
      if (typeof operand !== "boolean") throw bad('"is_null" takes true or false');
      return { column, is_null: operand };
    default:
      return { column, [operator]: scalar(operand) } as Condition;
  }
}

function scalar(value: unknown): JsonValue {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string" && value.length <= PROTOCOL_LIMITS.operandLengthMax) return value;
  throw bad(
    `a where compares with a text of at most ${PROTOCOL_LIMITS.operandLengthMax} characters, a number, a boolean or null`,
  );
}

function parseOrderBy(input: unknown): readonly OrderBy[] {
  const list = asArray(input, '"order_by"');
  if (list.length > PROTOCOL_LIMITS.orderByMax) {
    throw bad(`"order_by" takes at most ${PROTOCOL_LIMITS.orderByMax} columns`);
  }
  return list.map((item) => {
    const { column, direction = "asc", nulls } = asRecord(item, "an order_by term");
    if (typeof column !== "string")
      throw bad('an order_by term is {"column": name, "direction"?: "asc" | "desc"}');
    if (direction !== "asc" && direction !== "desc") throw bad('"direction" is "asc" or "desc"');
    if (nulls !== undefined && nulls !== "first" && nulls !== "last")
      throw bad('"nulls" is "first" or "last"');
    return { column, direction, nulls: nulls ?? (direction === "asc" ? "last" : "first") };
  });
}

function parseLimit(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw bad('"limit" is a whole number of at least 1');
}

function parseColumns(input: unknown): readonly string[] {
  const names = asArray(input, '"columns"');
  if (names.length === 0 || names.length > PROTOCOL_LIMITS.columnsMax) {
    throw bad(`"columns" names 1 to ${PROTOCOL_LIMITS.columnsMax} columns`);
  }
  for (const name of names) if (typeof name !== "string") throw bad('"columns" is a list of names');
  return [...new Set(names as string[])].sort();
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw bad(`${what} is a JSON object`);
}

function asArray(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw bad(`${what} is a list`);
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_QUERY", `Bad query: ${message}.`);
}
