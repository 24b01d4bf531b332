/**
 * Turns the filter text of a column into a `where`. Numbers and times: `42`, `>10`, `1..9`,
 * `1,2,3`. Texts: a part of the value, `=exact`, `=one,two`, `/regex/`. All columns: `!=…`, `null`,
 * `!null`.
 */
import type { Column, Condition, Where } from "tidemark/client";

type ParsedFilter =
  | { readonly kind: "none" }
  | { readonly kind: "where"; readonly where: Where }
  | { readonly kind: "error"; readonly message: string };

const COMPARISONS = {
  ">=": "gte",
  "<=": "lte",
  "!=": "ne",
  ">": "gt",
  "<": "lt",
  "=": "eq",
} as const;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const TIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$/;

function parseFilter({ name: column, type }: Column, typed: string): ParsedFilter {
  const text = typed.trim();
  if (text === "") return { kind: "none" };
  if (text === "null" || text === "!null") return where({ column, isNull: text === "null" });
  if (type === "json") return error("Filter this column with null or !null.");
  if (type === "boolean") {
    return text === "true" || text === "false"
      ? where({ column, eq: text === "true" })
      : error("Type true or false.");
  }
  return type === "text" || type === "any"
    ? textFilter(column, type, text)
    : orderedFilter(column, type, text);
}

const REGEX = /^\/(.+)\/$/;

export function isRegex(typed: string): boolean {
  return REGEX.test(typed.trim());
}

function afterOperator(text: string): string {
  return text.slice((operatorOf(text) ?? "").length).trim();
}

function textFilter(column: string, type: Column["type"], text: string): ParsedFilter {
  const regex = REGEX.exec(text)?.[1];
  if (regex !== undefined) return where({ column, regex });
  if (type === "text" && /^(>=|<=|>|<)/.test(text) && DECIMAL.test(afterOperator(text)))
    return error(
      "This column holds text, so it can't compare amounts. Type =text or a part of it.",
    );
  if (type === "any" && (DECIMAL.test(text) || /^[<>]|\.\./.test(text)))
    return orderedFilter(column, type, text);
  const operator = operatorOf(text);
  if (operator === undefined) {
    const pattern = /[%_]/.test(text) ? text : `%${text}%`;
    return where({ column, like: pattern });
  }
  const operand = afterOperator(text);
  if (operator === "=" && operand.includes(","))
    return where({ column, in: operand.split(",").map((part) => part.trim()) });
  return where({ column, [COMPARISONS[operator]]: operand } as Condition);
}

function orderedFilter(column: string, type: Column["type"], text: string): ParsedFilter {
  const isTime = type === "timestamp" || type === "date";
  const example = isTime
    ? "2026-01-31, >2026-01-31 or 2026-01-01..2026-01-31"
    : "42, >10, 1..9 or 1,2,3";
  // Bigint and numeric values stay text, so that no digit is lost. Undeclared columns hold JSON
  // numbers.
  const operand = (part: string): string | number | undefined => {
    const value = part.trim();
    if (!(isTime ? TIME : DECIMAL).test(value)) return undefined;
    return isTime || type === "bigint" || type === "numeric" ? value : Number(value);
  };
  const range = text.split("..");
  if (range.length === 2) {
    const [low, high] = range.map((part) => operand(part));
    if (low === undefined || high === undefined) return error(`Type a range like ${example}.`);
    return where({ column, between: [low, high] });
  }
  const operator = operatorOf(text) ?? "=";
  const rest = text.startsWith(operator) ? text.slice(operator.length) : text;
  if (operator === "=" && rest.includes(",")) {
    const values = rest.split(",").map((part) => operand(part));
    if (values.some((value) => value === undefined)) return error(`Type values like ${example}.`);
    return where({ column, in: values as (string | number)[] });
  }
  const value = operand(rest);
  if (value === undefined) return error(`Type a value like ${example}.`);
  return where({ column, [COMPARISONS[operator]]: value } as Condition);
}

function operatorOf(text: string): keyof typeof COMPARISONS | undefined {
  return (Object.keys(COMPARISONS) as (keyof typeof COMPARISONS)[]).find((operator) =>
    text.startsWith(operator),
  );
}

function where(condition: Condition): ParsedFilter {
  return { kind: "where", where: condition };
}

function error(message: string): ParsedFilter {
  return { kind: "error", message };
}

/** All valid filters as one `where`, and the errors of the others. */
export function whereOf(
  columns: readonly Column[],
  filters: Readonly<Record<string, string>>,
): { where: Where | undefined; errors: Readonly<Record<string, string>> } {
  const terms: Where[] = [];
  const errors: Record<string, string> = {};
  for (const [name, text] of Object.entries(filters)) {
    const column = columns.find((known) => known.name === name);
    if (column === undefined) continue;
    const parsed = parseFilter(column, text);
    if (parsed.kind === "where") terms.push(parsed.where);
    else if (parsed.kind === "error") errors[name] = parsed.message;
  }
  return {
    where: terms.length === 0 ? undefined : terms.length === 1 ? terms[0] : { and: terms },
    errors,
  };
}
