/**
 * Turns a `where` into a function over rows, with SQL's three-valued logic: a comparison with
 * a null is unknown, and only what is true matches. Regexes run on the engine that is passed
 * (servers pass a linear-time one); without an engine, a regex is refused.
 */
import { TidemarkError } from "../std/errors.ts";
import { coerceOperand, comparatorOf, equalityKey, type ColumnType } from "./column.ts";
import { likeMatcher } from "./like.ts";
import type { WireCondition, WireWhere } from "./query.ts";
import type { JsonValue, Row } from "./row.ts";
import {
  columnType,
  type CostMeter,
  type RegexMatcher,
  type WhereContext,
} from "./where-context.ts";

/** True, false, or null for unknown. */
type Truth = boolean | null;
type Term = (row: Row) => Truth;

export type Predicate = (row: Row) => boolean;
export type { WhereContext } from "./where-context.ts";

/**
 * A step is one state of a regex at one character; a character of a like pattern costs a sixteenth
 * of it.
 */
const LIKE_CHARACTERS_PER_STEP = 16;

/**
 * @throws TidemarkError `BAD_QUERY` for unknown columns and operands that don't fit, `BAD_REGEX`
 */
export function compileWhere(where: WireWhere, context: WhereContext): Predicate {
  const term = compileTerm(where, context);
  return (row) => term(row) === true;
}

function compileTerm(where: WireWhere, context: WhereContext): Term {
  if ("and" in where) return conjunction(where.and.map((part) => compileTerm(part, context)));
  if ("or" in where) return disjunction(where.or.map((part) => compileTerm(part, context)));
  if ("not" in where) {
    const inner = compileTerm(where.not, context);
    return (row) => {
      const truth = inner(row);
      return truth === null ? null : !truth;
    };
  }
  return compileCondition(where, context);
}

function conjunction(terms: readonly Term[]): Term {
  return (row) => {
    let result: Truth = true;
    for (const term of terms) {
      const truth = term(row);
      if (truth === false) return false;
      if (truth === null) result = null;
    }
    return result;
  };
}

function disjunction(terms: readonly Term[]): Term {
  return (row) => {
    let result: Truth = false;
    for (const term of terms) {
      const truth = term(row);
      if (truth === true) return true;
      if (truth === null) result = null;
    }
    return result;
  };
}

function compileCondition(condition: WireCondition, context: WhereContext): Term {
  const { column } = condition;
  const type = columnType(column, context);
  if ("is_null" in condition) {
    const wanted = condition.is_null;
    return (row) => ((row[column] ?? null) === null) === wanted;
  }
  if (type === "json") {
    throw bad(`column "${column}" holds JSON and can only be tested with is_null`);
  }
  if ("like" in condition)
    return textTerm(
      column,
      {
        matches: likeMatcher(condition.like),
        steps: condition.like.length / LIKE_CHARACTERS_PER_STEP,
      },
      context.meter,
    );
  if ("regex" in condition)
    return textTerm(column, regexMatcher(condition.regex, context), context.meter);
  if ("in" in condition) return inTerm(column, type, condition.in);
  if ("between" in condition) {
    const [low, high] = condition.between;
    return conjunction([
      comparison(column, type, low, (order) => order >= 0),
      comparison(column, type, high, (order) => order <= 0),
    ]);
  }
  if ("eq" in condition) return comparison(column, type, condition.eq, (order) => order === 0);
  if ("ne" in condition) return comparison(column, type, condition.ne, (order) => order !== 0);
  if ("lt" in condition) return comparison(column, type, condition.lt, (order) => order < 0);
  if ("lte" in condition) return comparison(column, type, condition.lte, (order) => order <= 0);
  if ("gt" in condition) return comparison(column, type, condition.gt, (order) => order > 0);
  return comparison(column, type, condition.gte, (order) => order >= 0);
}

function comparison(
  column: string,
  type: ColumnType,
  operand: JsonValue,
  accept: (order: number) => boolean,
): Term {
  if (operand === null) return () => null;
  const right = operandOf(column, type, operand);
  const compare = comparatorOf(type);
  const kind = type === "any" ? typeof right : undefined;
  return (row) => {
    const left = row[column] ?? null;
    if (left === null) return null;
    // Undeclared columns may hold mixed kinds: a text is neither above nor below a number.
    if (kind !== undefined && typeof left !== kind) return false;
    return accept(compare(left, right));
  };
}

function inTerm(column: string, type: ColumnType, operands: readonly JsonValue[]): Term {
  const keys = new Set<string>();
  let hasNull = false;
  for (const operand of operands) {
    if (operand === null) hasNull = true;
    else keys.add(equalityKey(type, operandOf(column, type, operand)));
  }
  return (row) => {
    const value = row[column] ?? null;
    if (value === null) return operands.length === 0 ? false : null;
    if (keys.has(equalityKey(type, value))) return true;
    return hasNull ? null : false;
  };
}

function operandOf(column: string, type: ColumnType, operand: JsonValue): Exclude<JsonValue, null> {
  const value = coerceOperand(type, operand);
  if (value === undefined)
    throw bad(`${JSON.stringify(operand)} can't be compared with column "${column}" (${type})`);
  return value;
}

function textTerm(
  column: string,
  { matches, steps }: RegexMatcher,
  meter: CostMeter | undefined,
): Term {
  meter?.declare(steps);
  return (row) => {
    const value = row[column] ?? null;
    if (value === null) return null;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    meter?.spend(steps * text.length);
    return matches(text);
  };
}

function regexMatcher(pattern: string, context: WhereContext): RegexMatcher {
  if (context.regex === undefined) throw bad("regex is evaluated by the server only");
  return context.regex(pattern);
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_QUERY", `Bad query: ${message}.`);
}
