/**
 * Column types and how their values compare. Equality, order and hashing of values are
 * decided here alone, so that a filter, an index and a sort can't disagree.
 */
import { compareDecimals, canonicalDecimal, isDecimal } from "./decimal.ts";
import { compareTimestamps, canonicalTimestamp } from "./timestamp.ts";
import type { JsonValue } from "./row.ts";

/**
 * - `integer`, `float`: JSON numbers (`float` may be the strings NaN, Infinity, -Infinity)
 * - `bigint`, `numeric`: decimal strings that compare as numbers
 * - `timestamp`, `date`: ISO 8601 strings in UTC, microseconds kept
 * - `text`: strings that compare by code point, as databases compare bytes of UTF-8; `boolean`:
 *   false before true
 * - `json`: anything; can be shown and tested for null, not compared
 * - `any`: undeclared; numbers compare as numbers, strings as strings, kinds never equal
 */
export const COLUMN_TYPES = [
  "any",
  "boolean",
  "integer",
  "float",
  "bigint",
  "numeric",
  "text",
  "timestamp",
  "date",
  "json",
] as const;

export type ColumnType = (typeof COLUMN_TYPES)[number];

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export type Present = Exclude<JsonValue, null>;
export type Compare = (left: Present, right: Present) => number;

function isNumeric(type: ColumnType): boolean {
  return type === "integer" || type === "float" || type === "bigint" || type === "numeric";
}

function isTimed(type: ColumnType): boolean {
  return type === "timestamp" || type === "date";
}

/** How two present values of a type compare: negative, zero or positive. Total. */
export function comparatorOf(type: ColumnType): Compare {
  switch (type) {
    case "integer":
    case "float":
    case "bigint":
    case "numeric":
      return compareNumbers;
    case "timestamp":
    case "date":
      return (left, right) => compareTimestamps(String(left), String(right));
    case "text":
    case "boolean":
    case "json":
    case "any":
      return compareAny;
  }
}

function compareNumbers(left: Present, right: Present): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  return compareDecimals(String(left), String(right));
}

const KIND_ORDER = { boolean: 0, number: 1, string: 2, object: 3 } as const;

function compareAny(left: Present, right: Present): number {
  const kind = typeof left as keyof typeof KIND_ORDER;
  if (kind !== typeof right) {
    return KIND_ORDER[kind] - KIND_ORDER[typeof right as keyof typeof KIND_ORDER];
  }
  if (kind === "object") return compareTexts(JSON.stringify(left), JSON.stringify(right));
  if (typeof left === "string" && typeof right === "string") return compareTexts(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}

const SURROGATES_FROM = 0xd800;

/**
 * By code point. Code units give the same order except where one text has a surrogate and the
 * other a unit above the surrogates.
 */
export function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a === b) continue;
    return a >= SURROGATES_FROM && b >= SURROGATES_FROM
      ? aboveSurrogates(a) - aboveSurrogates(b)
      : a - b;
  }
  return left.length - right.length;
}

/** Surrogates moved above all other units: together they are code points beyond these. */
function aboveSurrogates(unit: number): number {
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** A string that is the same for two values of a type exactly when they compare as equal. */
export function equalityKey(type: ColumnType, value: Present): string {
  if (isNumeric(type)) return canonicalDecimal(String(value));
  if (isTimed(type)) return canonicalTimestamp(String(value)) ?? String(value);
  // In `any` columns a text must not equal the key of a number or boolean.
  if (typeof value === "string") return type === "any" ? `"${value}` : value;
  return `${typeof value}:${JSON.stringify(value)}`;
}

/**
 * The form of a filter's value that compares with the column's own values, or undefined
 * when the value can't have the column's type: a word for a number, a number for a text.
 */
export function coerceOperand(type: ColumnType, value: JsonValue): Present | undefined {
  if (value === null || typeof value === "object") return undefined;
  switch (type) {
    case "integer":
    case "float":
    case "bigint":
    case "numeric":
      return typeof value !== "boolean" && isDecimal(String(value)) ? value : undefined;
    case "timestamp":
    case "date":
      return typeof value === "string" ? canonicalTimestamp(value) : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "text":
      return typeof value === "string" ? value : undefined;
    case "json":
      return undefined;
    case "any":
      return value;
  }
}
