/** Retention: forgets the versions that a channel's limits no longer keep. */
import type { ChannelDeclaration } from "../../log/channel.ts";
import { writeChannel, type ChannelTable } from "./catalog.ts";
import type { Session } from "./database.ts";
import { identifier, Parameters } from "./statement.ts";
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
  const forgotten = await forget(session, table, cutoff, channel.bounds.rowsMax);
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
 * `liveRowsMax` that changed last. A row that changed again after the cutoff keeps its version as
 * of the cutoff.
 */
async function forget(
  session: Session,
  { layout }: ChannelTable,
  cutoff: number,
  liveRowsMax: number,
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
  if (later <= cutoff) await forgetUnchanged(session, name, cutoff, liveRowsMax);
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
