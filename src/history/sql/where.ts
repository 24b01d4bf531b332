/**
 * A `where` as SQL that is true for every row that matches, and possibly for more: `compileWhere`
 * decides on each row that the store returns. What SQL can't say exactly is left out. No row is
 * lost, because `not` is pushed down to the conditions, so that leaving one out only widens.
 */
import { coerceOperand, type Present } from "../../protocol/column.ts";
import type { WireCondition, WireWhere } from "../../protocol/query.ts";
import type { JsonValue } from "../../protocol/row.ts";
import { compareSql, OPPOSITE, type Comparison } from "./compare.ts";
import { all, some, type SqlColumn, type SqlContext } from "./dialect.ts";
import { isPortableRegex, portableLike } from "./patterns.ts";

export function whereSql(where: WireWhere, context: SqlContext): string {
  return termSql(where, false, context);
}

function termSql(where: WireWhere, isNegated: boolean, context: SqlContext): string {
  if ("not" in where) return termSql(where.not, !isNegated, context);
  if ("and" in where || "or" in where) {
    const parts = "and" in where ? where.and : where.or;
    const sql = parts.map((part) => termSql(part, isNegated, context));
    return "and" in where === isNegated ? some(sql) : all(sql);
  }
  const column = context.columns(where.column);
  // A column that is not declared is in the row's JSON only.
  return column === undefined ? "TRUE" : conditionSql(where, isNegated, column, context);
}

function conditionSql(
  condition: WireCondition,
  isNegated: boolean,
  column: SqlColumn,
  context: SqlContext,
): string {
  if ("is_null" in condition) {
    return condition.is_null === isNegated ? `NOT ${column.isNull}` : column.isNull;
  }
  const { dialect } = context;
  if ("like" in condition) {
    return textSql(column, isNegated, (text) =>
      dialect.like(text, context.parameters.add(portableLike(condition.like), dialect.textType)),
    );
  }
  if ("regex" in condition) {
    const { regex } = condition;
    if (!isPortableRegex(regex)) return `NOT ${column.isNull}`;
    return textSql(column, isNegated, (text) =>
      dialect.regex(text, context.parameters.add(regex, dialect.textType)),
    );
  }
  if ("in" in condition) return inSql(condition.in, isNegated, column, context);
  if ("between" in condition) {
    const [low, high] = condition.between;
    const parts = [
      comparisonSql("gte", low, isNegated, column, context),
      comparisonSql("lte", high, isNegated, column, context),
    ];
    return isNegated ? some(parts) : all(parts);
  }
  const [comparison, operand] = Object.entries(condition).find(([name]) => name !== "column") as [
    Comparison,
    JsonValue,
  ];
  return comparisonSql(comparison, operand, isNegated, column, context);
}

function comparisonSql(
  comparison: Comparison,
  operand: JsonValue,
  isNegated: boolean,
  column: SqlColumn,
  { parameters }: SqlContext,
): string {
  // A comparison with null is unknown, and so is its negation.
  if (operand === null) return "FALSE";
  const value = coerceOperand(column.type, operand);
  // Values of another kind than the operand's do not match in an undeclared column, so the
  // negation holds for them.
  if (value === undefined || (isNegated && column.type === "any")) return `NOT ${column.isNull}`;
  return compareSql(column, isNegated ? OPPOSITE[comparison] : comparison, value, parameters);
}

function inSql(
  operands: readonly JsonValue[],
  isNegated: boolean,
  column: SqlColumn,
  { parameters }: SqlContext,
): string {
  if (operands.length === 0) return isNegated ? "TRUE" : "FALSE";
  const present = operands.filter((operand) => operand !== null);
  if (isNegated) {
    if (present.length < operands.length) return "FALSE";
    return `NOT ${column.isNull}`;
  }
  const values = present
    .map((operand) => coerceOperand(column.type, operand))
    .filter((value): value is Present => value !== undefined);
  const [term, ...more] = column.terms;
  if (term === undefined) return `NOT ${column.isNull}`;
  const places = values.map((value) => column.placeOf(value));
  const exact = places.filter(({ isExact }) => isExact || more.length > 0);
  // By the first term alone: the predicate decides among the rows of one place.
  const listed = exact.map(({ values: [at] }) => parameters.add(at ?? "", term.type));
  return some([
    listed.length === 0 ? "FALSE" : `${term.sql} IN (${listed.join(", ")})`,
    column.exception ?? "FALSE",
  ]);
}

function textSql(column: SqlColumn, isNegated: boolean, matches: (text: string) => string): string {
  // Patterns on other values match their JSON.
  if (column.text === undefined) return `NOT ${column.isNull}`;
  const sql = matches(column.text);
  return some([isNegated ? `NOT ${sql}` : sql, column.exception ?? "FALSE"]);
}
