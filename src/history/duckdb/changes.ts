/** Spans of the change log, and the seq of a time. */
import type { Row } from "../../protocol/row.ts";
import type { ChangesQuery, HistoryEntry, StoredChanges } from "../history.ts";
import { textOfKey } from "../sql/order-key.ts";
import type { ChannelTable } from "./catalog.ts";
import type { Session } from "./database.ts";
import { identifier, Parameters } from "./statement.ts";

export async function readChanges(
  session: Session,
  tables: readonly ChannelTable[],
  { after, through, entriesMax }: ChangesQuery,
): Promise<StoredChanges> {
  if (tables.length === 0 || after >= through) return { entries: [], seq: through };
  const found = await entriesBetween(session, tables, { after, through, limit: entriesMax + 1 });
  if (found.length <= entriesMax) return { entries: found, seq: through };
  // The last one belongs to a seq that may be cut; the first seq is given whole, however long.
  const cut = found[entriesMax] as HistoryEntry;
  const whole = found.filter(({ seq }) => seq < cut.seq);
  if (whole.length > 0) return { entries: whole, seq: cut.seq - 1 };
  const entries = await entriesBetween(session, tables, { after, through: cut.seq });
  return { entries, seq: cut.seq };
}

async function entriesBetween(
  session: Session,
  tables: readonly ChannelTable[],
  {
    after,
    through,
    limit,
  }: { readonly after: number; readonly through: number; readonly limit?: number },
): Promise<readonly HistoryEntry[]> {
  const parameters = new Parameters();
  const low = parameters.add(BigInt(after), "BIGINT");
  const high = parameters.add(BigInt(through), "BIGINT");
  const end = limit === undefined ? "" : `LIMIT ${limit}`;
  const parts = tables.map(
    ({ layout }, index) =>
      `SELECT * FROM (SELECT ${index} AS _channel, _seq, _place, _kind, _key, _time_ms, _row
        FROM ${identifier(layout.table)} WHERE _seq > ${low} AND _seq <= ${high}
        ORDER BY _seq, _place ${end})`,
  );
  const rows = await session.run(
    `${parts.join(" UNION ALL ")} ORDER BY _seq, _place ${end}`,
    parameters,
  );
  return rows.map((row): HistoryEntry => {
    const json = row["_row"];
    return {
      channel: tables[Number(row["_channel"])]?.declared.channel.name ?? "",
      kind: row["_kind"] as HistoryEntry["kind"],
      key: textOfKey(String(row["_key"])),
      seq: Number(row["_seq"]),
      timeMs: Number(row["_time_ms"]),
      ...(typeof json === "string" && { row: JSON.parse(json) as Row, json }),
    };
  });
}

/** The newest stored seq at or before a time; times never fall from one seq to the next. */
export async function seqAtTime(
  session: Session,
  tables: readonly ChannelTable[],
  timeMs: number,
): Promise<number> {
  let seq = 0;
  for (const { layout } of tables) {
    const parameters = new Parameters();
    const [row] = await session.run(
      `SELECT max(_seq) AS _seq FROM ${identifier(layout.table)}
       WHERE _time_ms <= ${parameters.add(BigInt(Math.floor(timeMs)), "BIGINT")}`,
      parameters,
    );
    seq = Math.max(seq, Number(row?.["_seq"] ?? 0));
  }
  return seq;
}

/** The time of the first stored entry; 0 without one. */
export async function firstTimeOf(session: Session, { layout }: ChannelTable): Promise<number> {
  const [row] = await session.run(
    `SELECT min(_time_ms) AS _time_ms FROM ${identifier(layout.table)}`,
  );
  return Number(row?.["_time_ms"] ?? 0);
}
