/** The rows of a channel that changed last, or arrived last: what a live table begins with. */
import type { ChannelBounds } from "../../log/limits.ts";
import type { NewestBounds, StoredRow } from "../history.ts";
import { arrivalsSql, limitSql } from "./arrivals.ts";
import type { Session } from "./database.ts";
import type { Layout } from "./layout.ts";
import { identifier, Parameters } from "./statement.ts";
import { reloadAt, storedRowOf, VERSION_COLUMNS } from "./versions.ts";

type Bounds = NewestBounds & Pick<ChannelBounds, "evict"> & { readonly asOf: number };

/** Newest first. */
export async function readNewest(
  session: Session,
  layout: Layout,
  bounds: Bounds,
): Promise<readonly StoredRow[]> {
  const reload = await reloadAt(session, layout, bounds.asOf);
  if (bounds.evict === "oldest_arrival")
    return withinBytes(await newestArrivals(session, layout, { bounds, reload }), bounds.bytesMax);
  // The newest entries have the newest rows, unless few keys are written often.
  const recent = Number.isFinite(bounds.rowsMax)
    ? await newestSince(session, layout, { bounds, since: reload, entriesMax: 2 * bounds.rowsMax })
    : undefined;
  const rows = recent ?? (await newestSince(session, layout, { bounds, since: reload })) ?? [];
  return withinBytes(rows, bounds.bytesMax);
}

function withinBytes(rows: readonly StoredRow[], bytesMax: number): readonly StoredRow[] {
  const newest: StoredRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += Buffer.byteLength(row.json);
    if (bytes > bytesMax) break;
    newest.push(row);
  }
  return newest;
}

async function newestArrivals(
  session: Session,
  layout: Layout,
  { bounds, reload }: { readonly bounds: Bounds; readonly reload: number },
): Promise<readonly StoredRow[]> {
  const { asOf, rowsMax, sinceMs } = bounds;
  const parameters = new Parameters();
  const time = parameters.add(BigInt(Number.isFinite(sinceMs) ? Math.ceil(sinceMs) : 0), "BIGINT");
  const rows = await session.run(
    `SELECT ${VERSION_COLUMNS} FROM ${identifier(layout.table)}
     JOIN (${arrivalsSql(layout, { asOf, reload })}) AS arrivals USING (_hash, _key, _seq)
     WHERE _kind = 'upsert' AND _time_ms >= ${time}
     ORDER BY _first DESC, _first_place DESC ${limitSql(rowsMax)}`,
    parameters,
  );
  return rows.map(storedRowOf);
}

/** Undefined where the newest `entriesMax` entries have too few rows, and there are older ones. */
async function newestSince(
  session: Session,
  layout: Layout,
  options: { readonly bounds: Bounds; readonly since: number; readonly entriesMax?: number },
): Promise<readonly StoredRow[] | undefined> {
  const { rowsMax, sinceMs, asOf } = options.bounds;
  const table = identifier(layout.table);
  const first =
    options.entriesMax === undefined
      ? undefined
      : await seqOfEntry(session, table, { asOf, count: Math.floor(options.entriesMax) });
  const parameters = new Parameters();
  const sinceSeq = parameters.add(BigInt(Math.max(first ?? 0, options.since)), "BIGINT");
  const end = parameters.add(BigInt(asOf), "BIGINT");
  const time = parameters.add(BigInt(Number.isFinite(sinceMs) ? Math.ceil(sinceMs) : 0), "BIGINT");
  const limit = Number.isFinite(rowsMax) ? `LIMIT ${Math.floor(rowsMax)}` : "";
  const rows = await session.run(
    `SELECT ${VERSION_COLUMNS} FROM ${table}
     SEMI JOIN (
       SELECT _hash, _key, max(_seq) AS _seq FROM ${table}
       WHERE _seq >= ${sinceSeq} AND _seq <= ${end} AND _kind <> 'reload' GROUP BY _hash, _key
     ) AS newest USING (_hash, _key, _seq)
     WHERE _seq >= ${sinceSeq} AND _seq <= ${end} AND _kind = 'upsert' AND _time_ms >= ${time}
     ORDER BY _seq DESC, _place DESC ${limit}`,
    parameters,
  );
  if (first !== undefined && first > options.since && rows.length < rowsMax) return undefined;
  return rows.map(storedRowOf);
}

/** The seq of the entry that so many are newer than, as of a seq; undefined without one. */
async function seqOfEntry(
  session: Session,
  table: string,
  { asOf, count }: { readonly asOf: number; readonly count: number },
): Promise<number | undefined> {
  const parameters = new Parameters();
  const [row] = await session.run(
    `SELECT _seq FROM ${table} WHERE _seq <= ${parameters.add(BigInt(asOf), "BIGINT")}
     ORDER BY _seq DESC LIMIT 1 OFFSET ${count}`,
    parameters,
  );
  return row === undefined ? undefined : Number(row["_seq"]);
}
