/**
 * Retention: the cutoff that a channel's limits give, and the deletion of what is forgotten then.
 */
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import { arrivalsSql } from "./arrivals.ts";
import { tableSql, type ChannelTable } from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { entriesSql, versionsSql, type Snapshot } from "./snapshot.ts";

export interface Cutoff {
  readonly seq: number;
  readonly timeMs: number;
}

/** The lowest seq that the limits keep; undefined when they keep everything. */
export async function cutoffOf(
  connection: ClickHouseConnection,
  table: ChannelTable,
  snapshot: Snapshot,
  { keepMs, keepRows, keepBytes }: ChannelHistory,
  nowMs: number,
): Promise<Cutoff | undefined> {
  const from = `FROM ${tableSql(snapshot.database, table.name)} WHERE ${entriesSql(snapshot)}`;
  // Each is the newest seq that a limit gives up.
  const limits = [
    Number.isFinite(keepMs) &&
      `SELECT maxOrNull(_seq) AS seq ${from} AND _time_ms < ${Math.ceil(nowMs - keepMs)}`,
    Number.isFinite(keepRows) &&
      `SELECT _seq AS seq ${from} AND _kind = 'upsert'
       ORDER BY _seq DESC, _place DESC LIMIT 1 OFFSET ${Math.floor(keepRows)}`,
    Number.isFinite(keepBytes) &&
      `SELECT maxOrNull(_seq) AS seq FROM (
         SELECT _seq, sum(_bytes) OVER (ORDER BY _seq DESC, _place DESC) AS bytes ${from})
       WHERE bytes > ${Math.floor(keepBytes)}`,
  ].filter((select) => select !== false);
  if (limits.length === 0) return undefined;
  const [given] = await connection.rows<[number | null]>(
    `SELECT maxOrNull(seq) FROM (${limits.map((select) => `(${select})`).join(" UNION ALL ")})`,
  );
  const last = given?.[0] ?? undefined;
  if (last === undefined) return undefined;
  const seq = Math.min(last + 1, snapshot.seq);
  const [first] = await connection.rows<[number | null]>(
    `SELECT minOrNull(_time_ms) ${from} AND _seq >= ${seq}`,
  );
  return { seq, timeMs: first?.[0] ?? nowMs };
}

/** Rows that one deletion leaves standing, which its text names. */
const KEPT_PER_DELETION = 20_000;

/**
 * Deletes what was replaced at or below the cutoff, and rows that last changed below it, except the
 * `rowsMax` newest rows, which are the live table. A row that changed again after the cutoff keeps
 * its version as of the cutoff. What stays is named in the statement: a deletion with a query in it
 * may never end.
 */
export async function deleteBelow(
  connection: ClickHouseConnection,
  table: ChannelTable,
  snapshot: Snapshot,
  cutoffSeq: number,
  bounds: ChannelBounds,
): Promise<void> {
  const name = tableSql(snapshot.database, table.name);
  const kept = keptSql(table, snapshot, cutoffSeq, bounds);
  let from = "(0, 0)";
  for (;;) {
    const rows = await connection.rows<[number, number]>(
      `SELECT seq, place FROM (${kept}) WHERE (seq, place) > ${from} AND seq < ${cutoffSeq}
       ORDER BY seq, place LIMIT ${KEPT_PER_DELETION}`,
    );
    const places = rows.map(([seq, place]) => `(${seq}, ${place})`);
    const isLast = rows.length < KEPT_PER_DELETION;
    const through = isLast ? `_seq < ${cutoffSeq}` : `(_seq, _place) <= ${places.at(-1)}`;
    const gone = `(_seq, _place) > ${from} AND ${through}
      ${places.length === 0 ? "" : `AND (_seq, _place) NOT IN (${places.join(", ")})`}`;
    const [left] = await connection.rows<[number]>(`SELECT count() FROM ${name} WHERE ${gone}`);
    if (left?.[0] !== 0) await connection.run(`DELETE FROM ${name} WHERE ${gone}`);
    if (isLast) return;
    from = places.at(-1) ?? from;
  }
}

/** The places of the entries below a cutoff that stay. */
function keptSql(
  table: ChannelTable,
  snapshot: Snapshot,
  cutoffSeq: number,
  { rowsMax, evict }: ChannelBounds,
): string {
  const name = tableSql(snapshot.database, table.name);
  const later = `FROM ${name} WHERE _seq > ${cutoffSeq} AND ${entriesSql(snapshot)}`;
  const newest = (asOf: number, end: string): string =>
    `SELECT max(_seq) AS seq, argMax(_place, _seq) AS place FROM ${name}
     WHERE ${versionsSql(table, snapshot, asOf)} GROUP BY _key
     HAVING argMax(_kind, _seq) = 'upsert' ${end}`;
  const hasChanged = `(_key IN (SELECT _key ${later})
    OR (SELECT countIf(_kind = 'reload') ${later}) > 0)`;
  const limit = `LIMIT ${Math.min(rowsMax, Number.MAX_SAFE_INTEGER)}`;
  const changed = `SELECT seq, place FROM (${newest(cutoffSeq, `AND ${hasChanged}`)})`;
  if (evict !== "oldest_arrival") {
    const live = newest(snapshot.seq, `ORDER BY seq DESC, place DESC ${limit}`);
    return `${changed} UNION DISTINCT SELECT seq, place FROM (${live})`;
  }
  // The first versions of rows that stay do, too: they tell when the rows arrived.
  const columns = "max(_seq) AS seq, argMax(_place, _seq) AS place";
  const arrivals = arrivalsSql(table, snapshot, { asOf: snapshot.seq, columns });
  return `${changed} UNION DISTINCT SELECT seq, place FROM (${arrivals} ${limit})
    UNION DISTINCT SELECT first_seq, first_place FROM (${arrivals} ${limit})
    UNION DISTINCT SELECT first_seq, first_place FROM (${arrivals}) WHERE seq >= ${cutoffSeq}`;
}
