/**
 * The rows of a channel that arrived last: a row arrived with its first version since its key was
 * removed or a reload.
 */
import { identifier } from "./statement.ts";
import type { Layout } from "./layout.ts";

/**
 * SQL for the rows as of `asOf`, newest arrival first: `_hash`, `_key`, `_seq` of the present
 * version, and `_first`, the seq of the first one. `reload` is the newest reload's seq.
 */
export function arrivalsSql(
  { table }: Layout,
  { asOf, reload }: { readonly asOf: number; readonly reload: number },
): string {
  return `SELECT _hash, _key, max(_seq) AS _seq, min(_seq) AS _first,
      arg_min(_place, _seq) AS _first_place
    FROM (
      SELECT _hash, _key, _seq, _place, _kind,
        max(_seq) FILTER (_kind = 'remove') OVER (PARTITION BY _hash, _key) AS _removed
      FROM ${identifier(table)}
      WHERE _seq >= ${reload} AND _seq <= ${asOf} AND _kind <> 'reload'
    )
    WHERE _kind = 'upsert' AND _seq > coalesce(_removed, -1)
    GROUP BY _hash, _key
    ORDER BY _first DESC, _first_place DESC`;
}

/** As a bound of rows in SQL: it may be infinite, or have decimals. */
export function limitSql(rowsMax: number): string {
  return `LIMIT ${Math.min(Math.floor(rowsMax), Number.MAX_SAFE_INTEGER)}`;
}
