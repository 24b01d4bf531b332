/**
 * A value as a text whose order is the value's order. The texts of two values of a column type
 * compare by code point, as databases compare the bytes of UTF-8, exactly as `comparatorOf`
 * compares the values; they are the same text exactly where the values compare as equal. They have
 * neither U+0000 nor lone surrogates, so every store keeps them as they are.
 */
import type { ColumnType, Present } from "../../protocol/column.ts";
import { canonicalDecimal } from "../../protocol/decimal.ts";
import { timestampClass } from "../../protocol/timestamp.ts";

export function orderKeyOf(type: ColumnType, value: Present): string {
  switch (type) {
    case "integer":
    case "float":
    case "bigint":
    case "numeric":
      return decimalKey(String(value));
    case "timestamp":
    case "date":
      return timestampKey(String(value));
    case "boolean":
    case "text":
    case "json":
    case "any":
      return anyKey(value);
  }
}

/** The prefix of the order keys of strings in columns that hold text. */
export const STRING_KIND = "c";

/** Booleans, then numbers, then strings, then objects. */
function anyKey(value: Present): string {
  switch (typeof value) {
    case "boolean":
      return value ? "a1" : "a0";
    case "number":
      return `b${decimalKey(String(value))}`;
    case "string":
      return STRING_KIND + textKey(value);
    case "object":
      return `d${textKey(JSON.stringify(value))}`;
  }
}

const RANKS: Readonly<Record<string, string>> = { "-Infinity": "0", Infinity: "4", NaN: "5" };

/** -Infinity, negative numbers, zero, positive numbers, Infinity, NaN. */
function decimalKey(text: string): string {
  const plain = canonicalDecimal(text);
  const rank = RANKS[plain];
  if (rank !== undefined) return rank;
  if (plain === "0") return "2";
  const isNegative = plain.startsWith("-");
  const { exponent, digits } = scientific(isNegative ? plain.slice(1) : plain);
  return isNegative
    ? // A shorter text of digits is the number nearer to zero, so it ends above the longer ones.
      `1${integerKey(-exponent)}${complement(digits)}~`
    : `3${integerKey(exponent)}${digits}`;
}

/** 0.DIGITS times ten to the power of `exponent`; the first digit and the last are not zero. */
function scientific(plain: string): { readonly exponent: number; readonly digits: string } {
  const [whole = "", fraction = ""] = plain.split(".");
  if (whole !== "0") {
    return { exponent: whole.length, digits: (whole + fraction).replace(/0+$/, "") };
  }
  const digits = fraction.replace(/^0+/, "");
  return { exponent: digits.length - fraction.length, digits };
}

const LETTER = "n".charCodeAt(0);

/** The sign and the count of digits as one letter, then the digits. */
function integerKey(value: number): string {
  const digits = String(Math.abs(value));
  return value < 0
    ? String.fromCharCode(LETTER - digits.length) + complement(digits)
    : String.fromCharCode(LETTER + digits.length) + digits;
}

function complement(digits: string): string {
  return digits.replace(/\d/g, (digit) => String(9 - Number(digit)));
}

const YEAR_DIGITS = 6;

/** -infinity, years, infinity, and texts that are no timestamps. */
function timestampKey(text: string): string {
  const { year, plain } = timestampClass(text);
  const rest = plain === undefined ? `b${unitsKey(text)}` : `a${unitsKey(plain)}`;
  if (year === Number.MIN_SAFE_INTEGER) return "0";
  if (year === Number.MAX_SAFE_INTEGER - 1) return "3";
  if (year === Number.MAX_SAFE_INTEGER) return `4${rest}`;
  const digits = String(Math.abs(year)).padStart(YEAR_DIGITS, "0");
  return (year < 0 ? `1${complement(digits)}` : `2${digits}`) + rest;
}

const ESCAPED = "\ud7ff";
const [NUL, NUL_ESCAPE, FIRST_ESCAPED, SURROGATES_FROM, SURROGATES_END] = [
  0, 1, 0xd7ff, 0xd800, 0xe000,
];

/** A text by code point, as `compareTexts` has it. Most texts are their own keys. */
export function textKey(text: string): string {
  return escaped(text, (unit) =>
    unit < SURROGATES_FROM ? unit : unit < SURROGATES_END ? unit + 0x2000 : unit - 0x800,
  );
}

/** The text that a key of `textKey` stands for. */
export function textOfKey(key: string): string {
  if (!NEEDS_ESCAPE.test(key)) return key;
  return (
    key
      .replace(/\ud7ff([\da-f]{4})/g, (_, hex: string) => {
        const moved = Number.parseInt(hex, 16);
        if (moved < SURROGATES_FROM) return ESCAPED;
        return String.fromCharCode(moved < 0xf800 ? moved + 0x800 : moved - 0x2000);
      })
      // oxlint-disable-next-line no-control-regex -- these are the characters that it looks for
      .replace(/\u0001([\u0001\u0002])/g, (_, unit: string) =>
        unit === "\u0001" ? "\0" : "\u0001",
      )
  );
}

/** A text by code unit, as JavaScript compares texts. */
function unitsKey(text: string): string {
  return escaped(text, (unit) => unit);
}

// oxlint-disable-next-line no-control-regex -- these are the characters that it looks for
const NEEDS_ESCAPE = /[\0\u0001\ud7ff-\uffff]/;

function escaped(text: string, rankOf: (unit: number) => number): string {
  if (!NEEDS_ESCAPE.test(text)) return text;
  let key = "";
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === NUL) key += "\u0001\u0001";
    else if (unit === NUL_ESCAPE) key += "\u0001\u0002";
    else if (unit < FIRST_ESCAPED) key += text[at];
    else key += ESCAPED + rankOf(unit).toString(16).padStart(4, "0");
  }
  return key;
}
