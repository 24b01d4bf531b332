/**
 * Which views are watched, so that a source reads only watched tables, and pauses when no view is
 * watched.
 */
import type { Cancel } from "../std/clock.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { Query } from "../protocol/user-query.ts";
import type { JsonValue } from "../protocol/row.ts";

export interface WatchedView {
  readonly channel: string;
  readonly query: Query;
  /**
   * By column: the values that the view's rows can have, by the equality terms (`eq`, `in`) of the
   * query and of the subscriber's policy. A column that is not listed can have any value.
   */
  readonly equals: Readonly<Record<string, readonly JsonValue[]>>;
}

export interface Interest {
  /** The views of the source's channels that have subscribers now, each once. */
  readonly views: readonly WatchedView[];
  /** Calls `listener` when `views` has changed; changes in quick succession are one call. */
  onChange(listener: () => void): Cancel;
}

/**
 * The values that `where` allows, by column, as far as equality terms tell. Terms that exclude each
 * other leave no value.
 */
export function equalityTerms(
  where: WireWhere | undefined,
): Readonly<Record<string, readonly JsonValue[]>> {
  const found = new Map<string, readonly JsonValue[]>();
  collect(where, found);
  return Object.fromEntries(found);
}

function collect(where: WireWhere | undefined, found: Map<string, readonly JsonValue[]>): void {
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
