/**
 * The rows of a channel that arrived last: a row arrived with its first version since its key was
 * removed or a reload.
 */
import { tableSql, type ChannelTable } from "./channel-table.ts";
import { versionsSql, type Snapshot } from "./snapshot.ts";

/** SQL for one row per key as of a seq, with its first version's place, newest arrival first. */
export function arrivalsSql(
  table: ChannelTable,
  snapshot: Snapshot,
  options: { readonly asOf: number; readonly columns: string; readonly having?: string },
): string {
  const name = tableSql(snapshot.database, table.name);
  const versions = versionsSql(table, snapshot, options.asOf);
  return `SELECT ${options.columns}, min(_seq) AS first_seq, argMin(_place, _seq) AS first_place
    FROM ${name} LEFT JOIN (
      SELECT _key, max(_seq) AS removed_at FROM ${name}
      WHERE ${versions} AND _kind = 'remove' GROUP BY _key) AS removals USING (_key)
    WHERE ${versions} AND _kind = 'upsert' AND _seq > ifNull(removed_at, 0)
    GROUP BY _key ${options.having ?? ""}
    ORDER BY first_seq DESC, first_place DESC`;
}
