/**
 * Queries as schemas: shape, limits and defaults of untrusted JSON. The result is the normal form,
 * with fields in one order, so that equal queries become equal texts. Whether columns exist is
 * decided where a query meets its channel.
 */
import * as v from "valibot";
import { PROTOCOL_LIMITS } from "./limits.ts";
import {
  OPERATORS,
  type WireCondition,
  type Operator,
  type WireOrderBy,
  type WireWhere,
} from "./query.ts";
import type { JsonValue } from "./row.ts";
import {
  closedFields,
  custom,
  fields,
  flag,
  isRecord,
  list,
  oneOf,
  optional,
  positive,
  text,
  words,
  type Schema,
} from "./schema.ts";

const {
  channelNameLengthMax,
  columnsMax,
  inValuesMax,
  operandLengthMax,
  orderByMax,
  patternLengthMax,
  whereDepthMax,
  whereNodesMax,
} = PROTOCOL_LIMITS;

export const channelName: Schema<string> = custom<string>(
  `name of 1 to ${channelNameLengthMax}`,
  (input) => typeof input === "string" && input.length > 0 && input.length <= channelNameLengthMax,
  `must be a channel's name of 1 to ${channelNameLengthMax} characters`,
);

const columnName: Schema<string> = v.string("must be a column's name");

/** The value that a column is compared with. */
const operand: Schema<JsonValue> = v.nullable(
  custom<JsonValue>(
    `boolean, finite number or text of at most ${operandLengthMax}`,
    (input) =>
      typeof input === "boolean" ||
      Number.isFinite(input) ||
      (typeof input === "string" && input.length <= operandLengthMax),
    `must be a text of at most ${operandLengthMax} characters, a number, a boolean or null`,
  ),
);

const OPERANDS: Readonly<Record<Operator, Schema<unknown>>> = {
  eq: operand,
  ne: operand,
  lt: operand,
  lte: operand,
  gt: operand,
  gte: operand,
  in: list(operand, { max: inValuesMax, of: "values" }),
  between: list(operand, { min: 2, max: 2, of: "values: [low, high]" }),
  like: text(patternLengthMax),
  regex: text(patternLengthMax),
  is_null: flag,
};

const CONDITIONS = new Map(
  OPERATORS.map((operator) => [
    operator as string,
    fields({ column: columnName, [operator]: OPERANDS[operator] }) as Schema<WireCondition>,
  ]),
);

const badTerm = custom<WireWhere>(
  "no term",
  () => false,
  (input) =>
    isRecord(input)
      ? `must be {"column": name, "<operator>": value} with one of ${OPERATORS.join(", ")}, ` +
        `or {"and": [...]}, {"or": [...]}, {"not": ...}; it has the fields ${JSON.stringify(Object.keys(input)).slice(0, 120)}`
      : "must be a JSON object",
);

/** A term is a group or a condition by the names of its fields, of which it has no others. */
function termSchema(input: unknown): Schema<WireWhere> {
  const names = isRecord(input) ? Object.keys(input) : [];
  const [name = ""] = names.filter((each) => each !== "column");
  if (names.length === 1) return GROUPS.get(name) ?? badTerm;
  return (names.length === 2 && names.includes("column") && CONDITIONS.get(name)) || badTerm;
}

const term: Schema<WireWhere> = Object.assign(v.lazy<Schema<WireWhere>>(termSchema), {
  is: "term",
});
const terms = list(term, { max: whereNodesMax, of: "terms" });
const GROUPS = new Map<string, Schema<WireWhere>>([
  ["and", fields({ and: terms })],
  ["or", fields({ or: terms })],
  ["not", fields({ not: term })],
]);

/** Checked first, so that no later check walks through a tree that is too large or too deep. */
const bounded = custom<unknown>(
  `at most ${whereNodesMax} terms, ${whereDepthMax} levels`,
  (input) => whereFault(input) === undefined,
  (input) => whereFault(input) ?? "",
);

/** The schema of a term, for code that prints schemas. */
export const where: Schema<WireWhere> = Object.assign(v.pipe(bounded, term as Schema<never>), {
  options: [...GROUPS.values(), ...CONDITIONS.values()],
}) as unknown as Schema<WireWhere>;

function whereFault(input: unknown): string | undefined {
  let left = whereNodesMax;
  const visit = (at: unknown, depth: number): string | undefined => {
    if (--left < 0) return `must have at most ${whereNodesMax} terms, groups included`;
    if (depth > whereDepthMax) return `must nest at most ${whereDepthMax} levels`;
    if (!isRecord(at)) return undefined;
    for (const name of ["and", "or", "not"]) {
      const below: unknown = Object.hasOwn(at, name) ? at[name] : [];
      for (const each of Array.isArray(below) ? below : [below]) {
        const fault = visit(each, depth + 1);
        if (fault !== undefined) return fault;
      }
    }
    return undefined;
  };
  return visit(input, 0);
}

const direction = oneOf(["asc", "desc"]);
const nulls = oneOf(["first", "last"]);

/**
 * An entry of `order_by` with its defaults filled in, as in Postgres: nulls last when ascending,
 * first when descending.
 */
export const orderBy: Schema<WireOrderBy> = v.pipe(
  fields({ column: columnName, direction: optional(direction), nulls: optional(nulls) }),
  v.transform(({ column, direction: way = "asc", nulls: side }): Required<WireOrderBy> => ({
    column,
    direction: way,
    nulls: side ?? (way === "asc" ? "last" : "first"),
  })),
);

const columns = v.pipe(
  list(words, { min: 1, max: columnsMax, of: "columns" }),
  v.transform((names): readonly string[] => [...new Set(names)].sort()),
);

export const QUERY_FIELDS = {
  channel: channelName,
  where: optional(where),
  /** Ties are broken by the row's key. */
  order_by: optional(list(orderBy, { max: orderByMax, of: "columns" })),
  /** Keep only the first `limit` rows in order; the view refills when one leaves. */
  limit: optional(positive),
  /** Send only these columns; key and `order_by` columns are always sent. */
  columns: optional(columns),
  /** Rows that are evicted are not removed: the client has loaded rows from history. */
  history: optional(flag),
} as const;

export const query = closedFields("a query", QUERY_FIELDS);
