/** What covers spans of a change log: its entries in order, the seq of a time, and its size. */
import type { Row } from "../../protocol/row.ts";
import type { ChangesQuery, HistoryEntry, StoredChanges } from "../history.ts";
import { textOfKey } from "../sql/order-key.ts";
import { tableSql, type ChannelTable, type KINDS } from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { entriesSql, type Snapshot } from "./snapshot.ts";

type EntryRow = readonly [
  channel: number,
  seq: number,
  kind: (typeof KINDS)[number],
  timeMs: number,
  key: string,
  json: string,
];

export async function changesIn(
  connection: ClickHouseConnection,
  tables: readonly ChannelTable[],
  snapshot: Snapshot,
  { after, through, entriesMax }: Omit<ChangesQuery, "channels">,
  signal: AbortSignal | undefined,
): Promise<StoredChanges> {
  const last = Math.min(through, snapshot.seq);
  const span = `_seq > ${after} AND ${entriesSql(snapshot, last)}`;
  const each = (select: (table: ChannelTable, index: number) => string): string =>
    tables
      .map((table, index) => {
        const name = tableSql(snapshot.database, table.name);
        return `${select(table, index)} FROM ${name} WHERE ${span}`;
      })
      .join(" UNION ALL ");
  if (tables.length === 0 || after >= last) return { entries: [], seq: Math.max(after, last) };
  // The seq at which the sum of entries passes the limit, or the first seq if that passes it alone.
  const [cut] = await connection.rows<[number]>(
    `SELECT _seq FROM (
       SELECT _seq, sum(count) OVER (ORDER BY _seq) AS total FROM (
         SELECT _seq, count() AS count FROM (${each(() => "SELECT _seq")})
         GROUP BY _seq ORDER BY _seq LIMIT ${entriesMax}))
     WHERE total >= ${entriesMax} ORDER BY _seq LIMIT 1`,
    {},
    signal,
  );
  const end = cut?.[0] ?? last;
  const rows = await connection.rows<EntryRow>(
    `SELECT channel, _seq, _kind, _time_ms, _key, _row FROM (
       ${each((_table, index) => `SELECT ${index} AS channel, _seq, _place, _kind, _time_ms, _key, _row`)}
         ) WHERE _seq <= ${end} ORDER BY _seq, _place`,
    {},
    signal,
  );
  const entries = rows.map(([index, seq, kind, timeMs, key, json]): HistoryEntry => {
    const channel = (tables[index] as ChannelTable).channel.name;
    const entry = { channel, kind, key: textOfKey(key), seq, timeMs };
    return kind === "upsert" ? { ...entry, row: JSON.parse(json) as Row, json } : entry;
  });
  return { entries, seq: end };
}

/** The newest seq in some tables whose time is at or before another; 0 when there is none. */
export async function newestSeqAt(
  connection: ClickHouseConnection,
  tables: readonly ChannelTable[],
  snapshot: Snapshot,
  timeMs: number,
): Promise<number> {
  if (tables.length === 0) return 0;
  const [row] = await connection.rows<[number]>(
    `SELECT max(seq) FROM (${tables
      .map(
        (table) =>
          `SELECT max(_seq) AS seq FROM ${tableSql(snapshot.database, table.name)}
           WHERE _time_ms <= {time:Int64} AND ${entriesSql(snapshot)}`,
      )
      .join(" UNION ALL ")})`,
    { time: Math.floor(timeMs) },
  );
  return row?.[0] ?? 0;
}

export interface StoredSize {
  readonly rows: number;
  readonly bytes: number;
  readonly firstTimeMs: number;
}

export async function sizeOf(
  connection: ClickHouseConnection,
  table: ChannelTable,
  snapshot: Snapshot,
): Promise<StoredSize> {
  const [row] = await connection.rows<[number, number, number]>(
    `SELECT countIf(_kind = 'upsert'), sum(_bytes), min(_time_ms)
     FROM ${tableSql(snapshot.database, table.name)} WHERE ${entriesSql(snapshot)}`,
  );
  const [rows = 0, bytes = 0, firstTimeMs = 0] = row ?? [];
  return { rows, bytes, firstTimeMs };
}
