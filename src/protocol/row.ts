/** Rows: JSON objects, mostly flat. Numbers that JSON can't hold exactly are strings. */

/**
 * The column that says why a row's values were left out (too large, nested too deep). Such a row
 * has only its key and this column.
 */
export const OMITTED = "$omitted";

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type Row = Readonly<Record<string, JsonValue>>;

/**
 * The string that identifies a row in its channel: the key column's value, or, for several
 * columns, the JSON array of their values as strings. Undefined when a part is missing or null.
 */
export function keyOf(row: Row, keyColumns: readonly string[]): string | undefined {
  if (keyColumns.length === 1) return keyPart(row[keyColumns[0] as string]);
  const parts: string[] = [];
  for (const column of keyColumns) {
    const part = keyPart(row[column]);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return JSON.stringify(parts);
}

function keyPart(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return undefined;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
