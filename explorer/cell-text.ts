/** How a value appears in a cell: its text, its style, and the tooltip. */
import type { Column, JsonValue } from "../src/client/index.ts";
import { formatAge, groupDigits } from "../examples/review/ui/format.ts";

export interface CellText {
  readonly text: string;
  readonly title: string | undefined;
  readonly tone: "normal" | "dim" | "mono";
}

const NUMERIC = new Set(["integer", "float", "bigint", "numeric"]);

export function isNumericColumn({ type }: Column, sample?: JsonValue): boolean {
  return NUMERIC.has(type) || (type === "any" && typeof sample === "number");
}

/** Identifiers are shown without thousands separators. */
function isIdentifier(name: string): boolean {
  return /(^|_)(id|no|nr|seq|hash|port)$/i.test(name);
}

export function cellText(column: Column, value: JsonValue | undefined, nowMs: number): CellText {
  if (value === undefined || value === null) return { text: "null", title: undefined, tone: "dim" };
  if (typeof value === "object") {
    const text = JSON.stringify(value);
    return { text, title: text, tone: "mono" };
  }
  if (column.type === "timestamp" && typeof value === "string") return timeText(value, nowMs);
  const text = String(value);
  if (isNumericColumn(column, value)) {
    return {
      text: isIdentifier(column.name) ? text : groupDigits(text),
      title: undefined,
      tone: "normal",
    };
  }
  const isHash = /^(0x|\\x)?[0-9a-f-]{20,}$/i.test(text);
  return { text, title: text.length > 24 ? text : undefined, tone: isHash ? "mono" : "normal" };
}

function timeText(value: string, nowMs: number): CellText {
  const time = Date.parse(value);
  if (Number.isNaN(time)) return { text: value, title: undefined, tone: "normal" };
  return {
    text: formatAge(nowMs - time),
    title: `${new Date(time).toLocaleString()} (${value})`,
    tone: "normal",
  };
}

/** The width of a character at 13 px; capitals and digits are wider. */
const CHARACTER_PX = 7;
const WIDE_CHARACTER_PX = 8.8;
const PADDING = 22;
/** Room beside a column's name for the sort arrow. */
const ARROW_PX = 30;
const WIDTH_MIN = 64;
const WIDTH_MAX = 300;

/** The width of each column, from its name and a sample of rows. */
export function columnWidths(
  columns: readonly Column[],
  rows: readonly (Readonly<Record<string, JsonValue>> | undefined)[],
): readonly number[] {
  return columns.map((column) => {
    const sampled =
      column.type === "timestamp"
        ? ["59 min ago"]
        : rows.map((row) => cellText(column, row?.[column.name], 0).text);
    const widest = Math.max(textWidth(column.name) + ARROW_PX, ...sampled.map(textWidth));
    return Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, widest + PADDING)));
  });
}

function textWidth(text: string): number {
  const wide = text.replace(/[^A-Z0-9]/g, "").length;
  return wide * WIDE_CHARACTER_PX + (text.length - wide) * CHARACTER_PX;
}
