/** Which views are watched, so that a source reads what somebody looks at, and rests when nobody does. */
import type { Cancel } from "../std/clock.ts";
import type { Query, Where } from "../protocol/query.ts";
import type { JsonValue } from "../protocol/row.ts";

export interface WatchedView {
  readonly channel: string;
  readonly query: Query;
  /**
   * By column: the values that each of its rows has, by the equality terms (`eq`, `in`) that the query and
   * the rights of who watches demand. A column that is not named may have any.
   */
  readonly equals: Readonly<Record<string, readonly JsonValue[]>>;
}

export interface Interest {
  /** The views of the source's channels that somebody is subscribed to now, each once. */
  readonly views: readonly WatchedView[];
  /** Called when `views` has changed; changes that follow each other at once are one. */
  onChange(listener: () => void): Cancel;
}

/** What `where` demands to be equal, column by column. Terms of one column that exclude each other leave it no value. */
export function equalityTerms(
  where: Where | undefined,
): Readonly<Record<string, readonly JsonValue[]>> {
  const found = new Map<string, readonly JsonValue[]>();
  collect(where, found);
  return Object.fromEntries(found);
}

function collect(where: Where | undefined, found: Map<string, readonly JsonValue[]>): void {
  if (where === undefined) return;
  if ("and" in where) {
    for (const part of where.and) collect(part, found);
    return;
  }
  if (!("column" in where)) return;
  const values = "eq" in where ? [where.eq] : "in" in where ? where.in : undefined;
  if (values === undefined) return;
  const known = found.get(where.column);
  found.set(
    where.column,
    known === undefined ? [...new Set(values)] : known.filter((value) => values.includes(value)),
  );
}
