/** How a column's values appear in cells: their text, style, alignment and width. */
import type { Column, JsonValue, Row } from "../src/client/index.ts";
import { formatAge, groupDigits } from "../examples/ui/format.ts";

/** How a column is shown: settled once, so that cells don't move when rows change. */
export interface ColumnFormat {
  readonly column: Column;
  readonly widthPx: number;
  readonly isNumber: boolean;
  /** Amounts have thousands separators; keys and other identifiers have none. */
  readonly isGrouped: boolean;
  /** Values with fewer fraction digits leave room for so many, so that decimal points align. */
  readonly fractionDigits: number;
}

export interface CellText {
  readonly text: string;
  /** Invisible text behind a number, in place of the digits that other rows have. */
  readonly filler?: string;
  readonly tone: "normal" | "dim" | "mono";
}

const NUMERIC = new Set(["integer", "float", "bigint", "numeric"]);
/** Longer fractions are shown, but no other row leaves room for them. */
const FRACTION_DIGITS_MAX = 6;
/** Longer texts have a tooltip. */
const LONG_TEXT = 24;
/** How many of the first rows decide how a column is shown. */
export const SAMPLE_ROWS = 60;

/** Names of numbers that no one adds up. */
function isIdentifier(name: string): boolean {
  return (
    /(^|_)(id|no|nr|seq|hash|port|pid|year|zip|code|phone)$/i.test(name) ||
    /[a-z](Id|ID)$/.test(name)
  );
}

export function columnFormat(
  column: Column,
  {
    isKey,
    sample,
  }: { readonly isKey: boolean; readonly sample: readonly (JsonValue | undefined)[] },
): ColumnFormat {
  const values = sample.filter((value) => value !== undefined && value !== null);
  const isNumber =
    NUMERIC.has(column.type) ||
    (column.type === "any" &&
      values.length > 0 &&
      values.every((value) => typeof value === "number"));
  const shape = {
    column,
    isNumber,
    isGrouped: isNumber && !isKey && !isIdentifier(column.name),
    fractionDigits: isNumber
      ? Math.min(FRACTION_DIGITS_MAX, Math.max(0, ...values.map(fractionDigitsOf)))
      : 0,
  };
  const texts =
    column.type === "timestamp"
      ? ["59 min ago"]
      : values.map((value) => {
          const { text, filler = "" } = cellText(shape, value, 0);
          return text + filler;
        });
  const widest = Math.max(textWidth(column.name) + ARROW_PX, ...texts.map(textWidth));
  return {
    ...shape,
    widthPx: Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, widest + PADDING))),
  };
}

/** The formats of a grid's columns, from its first `SAMPLE_ROWS` rows. */
export function columnFormats(
  columns: readonly Column[],
  key: readonly string[],
  rows: readonly (Row | undefined)[],
): readonly ColumnFormat[] {
  return columns.map((column) =>
    columnFormat(column, {
      isKey: key.includes(column.name),
      sample: rows.map((row) => row?.[column.name]),
    }),
  );
}

function fractionDigitsOf(value: JsonValue): number {
  return /^-?\d+\.(\d+)$/.exec(roundedText(value))?.[1]?.length ?? 0;
}

/** Binary fractions such as 0.30000000000000004 are rounded; decimal text is exact and stays. */
function roundedText(value: JsonValue): string {
  if (typeof value !== "number" || Math.abs(value) < 10 ** -FRACTION_DIGITS_MAX)
    return String(value);
  return String(Number(value.toFixed(FRACTION_DIGITS_MAX)));
}

export function cellText(
  format: Omit<ColumnFormat, "widthPx">,
  value: JsonValue | undefined,
  nowMs: number,
): CellText {
  if (value === undefined || value === null) return { text: "null", tone: "dim" };
  if (typeof value === "object") return { text: JSON.stringify(value), tone: "mono" };
  if (format.column.type === "timestamp" && typeof value === "string") {
    const time = Date.parse(value);
    return { text: Number.isNaN(time) ? value : formatAge(nowMs - time), tone: "normal" };
  }
  const text = String(value);
  if (format.isNumber) {
    const rounded = roundedText(value);
    return {
      text: format.isGrouped ? groupDigits(rounded) : rounded,
      filler: fillerOf(rounded, format.fractionDigits),
      tone: "normal",
    };
  }
  const isHash = /^(0x|\\x)?[0-9a-f-]{20,}$/i.test(text);
  return { text, tone: isHash ? "mono" : "normal" };
}

/** What a cell's tooltip says, where the cell itself may not say all. */
export function cellTitle(
  { column, isNumber }: Pick<ColumnFormat, "column" | "isNumber">,
  value: JsonValue | undefined,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object") return JSON.stringify(value);
  const text = String(value);
  if (column.type === "timestamp" && typeof value === "string") {
    const time = Date.parse(value);
    return Number.isNaN(time) ? undefined : `${absolute.format(time)} (${value})`;
  }
  if (isNumber) return roundedText(value) === text ? undefined : text;
  return text.length > LONG_TEXT ? text : undefined;
}

/** What a number lacks for its decimal point to stand below those of other rows. */
function fillerOf(text: string, fractionDigits: number): string {
  if (fractionDigits === 0 || !/^-?\d+(\.\d+)?$/.test(text)) return "";
  const missing = fractionDigits - fractionDigitsOf(text);
  if (missing <= 0) return "";
  return (text.includes(".") ? "" : ".") + "0".repeat(missing);
}

/** Made once: a formatter costs more than what it formats. */
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The width of a character at 13 px; capitals and digits are wider. */
const CHARACTER_PX = 7;
const WIDE_CHARACTER_PX = 8.8;
const PADDING = 22;
/** Room beside a column's name for the sort arrow. */
const ARROW_PX = 30;
const WIDTH_MIN = 64;
const WIDTH_MAX = 300;

function textWidth(text: string): number {
  const wide = text.replace(/[^A-Z0-9]/g, "").length;
  return wide * WIDE_CHARACTER_PX + (text.length - wide) * CHARACTER_PX;
}
