/** The rows of a channel that changed last: what a live table begins with. */
import type { StoredRow } from "../history.ts";
import type { Session } from "./database.ts";
import type { Layout } from "./layout.ts";
import { identifier, Parameters } from "./statement.ts";
import { reloadAt, storedRowOf, VERSION_COLUMNS } from "./versions.ts";

/** Newest first; without a bound all that are alive. */
export async function readNewest(
  session: Session,
  layout: Layout,
  bounds: { readonly rowsMax: number; readonly bytesMax: number; readonly sinceMs: number },
): Promise<readonly StoredRow[]> {
  const reload = await reloadAt(session, layout, Number.MAX_SAFE_INTEGER);
  const parameters = new Parameters();
  const since = Number.isFinite(bounds.sinceMs) ? Math.ceil(bounds.sinceMs) : 0;
  const limit = Number.isFinite(bounds.rowsMax) ? `LIMIT ${Math.floor(bounds.rowsMax)}` : "";
  const table = identifier(layout.table);
  const rows = await session.run(
    `SELECT ${VERSION_COLUMNS} FROM ${table}
     SEMI JOIN (
       SELECT _hash, _key, max(_seq) AS _seq FROM ${table}
       WHERE _seq >= ${parameters.add(BigInt(reload), "BIGINT")} AND _kind <> 'reload'
       GROUP BY _hash, _key
     ) AS newest USING (_hash, _key, _seq)
     WHERE _kind = 'upsert' AND _time_ms >= ${parameters.add(BigInt(since), "BIGINT")}
     ORDER BY _seq DESC, _place DESC ${limit}`,
    parameters,
  );
  const newest: StoredRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const stored = storedRowOf(row);
    bytes += Buffer.byteLength(stored.json);
    if (bytes > bounds.bytesMax) break;
    newest.push(stored);
  }
  return newest;
}
