/** The rows' expected changes by a write, shown before the server has answered. */
import type { JsonValue, Row } from "../../protocol/row.ts";

/**
 * One row of one channel. With none of `set`, `insert` and `remove` it only says which row is
 * pending. Values are what the channel sends: a `numeric` or `bigint` is a string.
 */
export interface RowPatch {
  readonly channel: string;
  /**
   * As in views: the key column's value as a string, or the JSON list of them for several columns.
   */
  readonly key: string;
  /** Replaces these columns where the row exists; the other columns continue to change. */
  readonly set?: Readonly<Record<string, JsonValue>>;
  /** A new row, under a key that the client makes up and that stays the row's key. */
  readonly insert?: Row;
  readonly remove?: true;
}

/** The row with the patches applied, oldest first; undefined when there is no row. */
export function patched(base: Row | undefined, patches: readonly RowPatch[]): Row | undefined {
  let row = base;
  for (const { set, insert, remove } of patches) {
    if (remove === true) row = undefined;
    else if (insert !== undefined) row = { ...row, ...insert };
    if (set !== undefined && row !== undefined) row = { ...row, ...set };
  }
  return row;
}
