/** What the keys of the grid do: where the cursor goes, and what is copied. Pure functions. */
import type { Column, JsonValue, Row } from "../src/client/index.ts";

export interface Place {
  readonly index: number;
  readonly column: number;
}

/** The place of the cursor after a key; undefined for a key that doesn't move it. */
export function placeAfter(
  key: string,
  { index, column }: Place,
  size: { readonly rows: number; readonly columns: number; readonly pageRows: number },
): Place | undefined {
  const to = (row: number, nextColumn = column): Place => ({
    index: Math.max(0, Math.min(size.rows - 1, row)),
    column: Math.max(0, Math.min(size.columns - 1, nextColumn)),
  });
  switch (key) {
    case "ArrowDown":
      return to(index + 1);
    case "ArrowUp":
      return to(index - 1);
    case "ArrowRight":
      return to(index, column + 1);
    case "ArrowLeft":
      return to(index, column - 1);
    case "PageDown":
      return to(index + size.pageRows);
    case "PageUp":
      return to(index - size.pageRows);
    case "Home":
      return to(0);
    case "End":
      return to(size.rows - 1);
    default:
      return undefined;
  }
}

/** A value as it is copied: whole, without separators. */
export function plainText(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Rows as tab-separated text with a header, for spreadsheets. */
export function asTsv(columns: readonly Column[], rows: readonly (Row | undefined)[]): string {
  const clean = (value: JsonValue | undefined): string =>
    plainText(value).replace(/[\t\r\n]+/g, " ");
  return [
    columns.map(({ name }) => clean(name)),
    ...rows.map((row) => columns.map(({ name }) => clean(row?.[name]))),
  ]
    .map((cells) => cells.join("\t"))
    .join("\n");
}
