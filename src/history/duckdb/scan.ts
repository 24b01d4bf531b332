/** All rows of a channel as of a seq, read once from the beginning of its table to the end. */
import type { StoredRow } from "../history.ts";
import { textOfKey } from "../sql/order-key.ts";
import { keptFrom } from "./catalog.ts";
import type { Session } from "./database.ts";
import type { Layout } from "./layout.ts";
import { identifier, Parameters } from "./statement.ts";
import { reloadAt } from "./versions.ts";

export async function* scanRows(
  session: Session,
  channel: string,
  layoutOf: () => Layout,
  asOf: number,
): AsyncGenerator<readonly StoredRow[]> {
  // The first statement fixes what the transaction sees; the layout is at least as new.
  await keptFrom(session, channel, asOf);
  const layout = layoutOf();
  const reload = await reloadAt(session, layout, asOf);
  const table = identifier(layout.table);
  const parameters = new Parameters();
  const entries = `_seq <= ${parameters.add(BigInt(asOf), "BIGINT")}
    AND _seq >= ${parameters.add(BigInt(reload), "BIGINT")} AND _kind <> 'reload'`;
  // Hashes alone first: where keys are written once, nothing else is kept for them.
  const parts = session.columns(
    `WITH again AS MATERIALIZED (
       SELECT _hash FROM ${table} WHERE ${entries} GROUP BY _hash HAVING count(*) > 1
     ), newest AS MATERIALIZED (
       SELECT _hash, _key, max(_seq) AS newest FROM ${table} SEMI JOIN again USING (_hash)
       WHERE ${entries} GROUP BY _hash, _key
     )
     SELECT _key, _row, CAST(_seq AS DOUBLE), CAST(_time_ms AS DOUBLE)
     FROM ${table} LEFT JOIN newest USING (_hash, _key)
     WHERE ${entries} AND _kind = 'upsert' AND (newest IS NULL OR newest = _seq)`,
    parameters,
  );
  for await (const [keys = [], jsons = [], seqs = [], times = []] of parts)
    yield keys.map((key, index) => ({
      key: textOfKey(String(key)),
      json: String(jsons[index]),
      seq: Number(seqs[index]),
      timeMs: Number(times[index]),
    }));
}
