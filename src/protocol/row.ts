/** Rows: flat-ish JSON records. Their values travel as JSON; wide numbers travel as strings. */

/**
 * The column of a row that stands for one that was left out (too large, too deep): it says why,
 * beside the key.
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
