/** Retention: forgets the versions that a channel's limits no longer keep. */
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds } from "../../log/limits.ts";
import { writeChannel, type ChannelTable } from "./catalog.ts";
import type { Session } from "./database.ts";
import { arrivalsSql, limitSql } from "./arrivals.ts";
import { identifier, Parameters } from "./statement.ts";
import type { Layout } from "./layout.ts";
import { reloadAt } from "./versions.ts";

export interface Trimming {
  readonly table: ChannelTable;
  readonly channel: ChannelDeclaration;
  readonly nowMs: number;
  /** The store's durable seq. */
  readonly seq: number;
}

/** Returns the table as it is then. */
export async function trimTable(session: Session, trimming: Trimming): Promise<ChannelTable> {
  const { table, channel } = trimming;
  const cutoff = await cutoffOf(session, trimming);
  if (cutoff <= table.fromSeq) return table;
  const forgotten = await forget(session, table, cutoff, channel.bounds);
  const [first] = await session.run(
    `SELECT min(_time_ms) AS time_ms FROM ${identifier(table.layout.table)} WHERE _seq >= ${cutoff}`,
  );
  const trimmed: ChannelTable = {
    ...table,
    fromSeq: cutoff,
    fromTimeMs: Number(first?.["time_ms"] ?? trimming.nowMs),
    rows: table.rows - forgotten.rows,
    bytes: table.bytes - forgotten.bytes,
  };
  await writeChannel(session, trimmed);
  return trimmed;
}

/** The seq below which versions may be forgotten: the highest that a limit gives. */
async function cutoffOf(
  session: Session,
  { table, channel, nowMs, seq }: Trimming,
): Promise<number> {
  const { history } = channel;
  if (history === undefined) return 0;
  const { rows, bytes } = table;
  const name = identifier(table.layout.table);
  const cutoffs = [0];
  if (Number.isFinite(history.keepMs)) {
    const parameters = new Parameters();
    const since = parameters.add(BigInt(Math.ceil(nowMs - history.keepMs)), "BIGINT");
    const [row] = await session.run(
      `SELECT min(_seq) AS _seq FROM ${name} WHERE _time_ms >= ${since}`,
      parameters,
    );
    cutoffs.push(Number(row?.["_seq"] ?? seq));
  }
  // Bytes by the average size of a row.
  const rowsOfBytes = Math.floor(history.keepBytes / Math.max(1, bytes / Math.max(1, rows)));
  const keepRows = Math.min(history.keepRows, rowsOfBytes);
  if (rows > keepRows) {
    const [row] = await session.run(
      `SELECT _seq FROM ${name} WHERE _kind = 'upsert'
       ORDER BY _seq DESC LIMIT 1 OFFSET ${Math.floor(keepRows)}`,
    );
    cutoffs.push(Number(row?.["_seq"] ?? -1) + 1);
  }
  return Math.min(seq, Math.max(...cutoffs));
}

/**
 * Deletes what was replaced at or below the cutoff, and rows that last changed below it, except the
 * newest rows, which are the live table. A row that changed again after the cutoff keeps its
 * version as of the cutoff.
 */
async function forget(
  session: Session,
  { layout }: ChannelTable,
  cutoff: number,
  { rowsMax, evict }: ChannelBounds,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const name = identifier(layout.table);
  const reload = await reloadAt(session, layout, cutoff);
  const later = await reloadAt(session, layout, Number.MAX_SAFE_INTEGER);
  // The newest version at or below the cutoff of each key that has one below it.
  await session.run(
    `CREATE OR REPLACE TEMP TABLE kept AS
     SELECT * FROM (
       SELECT _hash, _key, max(_seq) AS _seq, arg_max(_kind, _seq) AS _kind,
         arg_max(_place, _seq) AS _place
       FROM ${name} WHERE _seq <= ${cutoff} AND _seq >= ${reload} AND _kind <> 'reload'
       GROUP BY _hash, _key
     ) WHERE _kind = 'upsert' AND _seq < ${cutoff}`,
  );
  // A reload after the cutoff changed them all.
  if (later <= cutoff) {
    if (evict !== "oldest_arrival") await forgetUnchanged(session, name, cutoff, rowsMax);
    else await forgetArrived(session, layout, { cutoff, rowsMax, reload: later });
  }
  const forgotten = `_seq < ${cutoff} AND NOT EXISTS (
    SELECT 1 FROM kept WHERE kept._seq = ${name}._seq AND kept._key = ${name}._key)`;
  const [sum] = await session.run(
    `SELECT count(*) AS rows, coalesce(sum(strlen(_row)), 0) AS bytes
     FROM ${name} WHERE _kind = 'upsert' AND ${forgotten}`,
  );
  await session.run(`DELETE FROM ${name} WHERE ${forgotten}`);
  await session.run("DROP TABLE kept");
  return { rows: Number(sum?.["rows"]), bytes: Number(sum?.["bytes"]) };
}

/**
 * Of the rows that did not change after the cutoff, only those of the live table are kept. Each row
 * that stays keeps its first version, too, which tells when it arrived.
 */
async function forgetArrived(
  session: Session,
  layout: Layout,
  options: { readonly cutoff: number; readonly rowsMax: number; readonly reload: number },
): Promise<void> {
  const { cutoff, rowsMax, reload } = options;
  const name = identifier(layout.table);
  const arrivals = arrivalsSql(layout, { asOf: Number.MAX_SAFE_INTEGER, reload });
  await session.run(`CREATE OR REPLACE TEMP TABLE arrived AS ${arrivals}`);
  const live = `SELECT _key FROM arrived ORDER BY _first DESC, _first_place DESC`;
  await session.run(
    `DELETE FROM kept WHERE _key NOT IN (${live} ${limitSql(rowsMax)}) AND _hash NOT IN (
       SELECT _hash FROM ${name} WHERE _seq > ${cutoff} AND _hash IN (SELECT _hash FROM kept)
     )`,
  );
  await session.run(
    `INSERT INTO kept (_hash, _key, _seq)
     SELECT _hash, _key, _first FROM arrived
     WHERE _first < ${cutoff} AND (_seq >= ${cutoff} OR _key IN (SELECT _key FROM kept))`,
  );
  await session.run("DROP TABLE arrived");
}

/** Of the rows that did not change after the cutoff, only those of the live table are kept. */
async function forgetUnchanged(
  session: Session,
  name: string,
  cutoff: number,
  liveRowsMax: number,
): Promise<void> {
  const [recent] = await session.run(
    `SELECT count(*) AS rows FROM (
       SELECT arg_max(_kind, _seq) AS _kind FROM ${name}
       WHERE _seq >= ${cutoff} AND _kind <> 'reload' GROUP BY _hash, _key
     ) WHERE _kind = 'upsert'`,
  );
  const live = Math.max(0, Math.floor(liveRowsMax) - Number(recent?.["rows"]));
  await session.run(
    `DELETE FROM kept WHERE _hash NOT IN (
       SELECT _hash FROM ${name} WHERE _seq > ${cutoff} AND _hash IN (SELECT _hash FROM kept)
     ) AND (_seq, _key) NOT IN (
       SELECT (_seq, _key) FROM kept WHERE _hash NOT IN (
         SELECT _hash FROM ${name} WHERE _seq > ${cutoff} AND _hash IN (SELECT _hash FROM kept)
       ) ORDER BY _seq DESC, _place DESC LIMIT ${Math.min(live, Number.MAX_SAFE_INTEGER)}
     )`,
  );
}
