/** Creates the table of a channel, or makes it anew where its declaration has other columns. */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Row } from "../../protocol/row.ts";
import type { StoredChannel } from "../history.ts";
import { textOfKey } from "../sql/order-key.ts";
import { hasColumns, writeChannel, type ChannelTable } from "./catalog.ts";
import type { Session } from "./database.ts";
import { createTableSql, freeName, layoutOf } from "./layout.ts";
import { appendEntries, type PlacedEntry } from "./row-chunks.ts";
import { identifier } from "./statement.ts";

export interface Declaring {
  readonly declared: StoredChannel;
  readonly tables: readonly ChannelTable[];
  readonly clock: Clock;
}

/** @throws TidemarkError `BAD_OPTION` when the stored rows have another key */
export async function declareTable(session: Session, declaring: Declaring): Promise<ChannelTable> {
  const { declared, tables } = declaring;
  const { channel } = declared;
  const known = tables.find((table) => table.declared.channel.name === channel.name);
  const table =
    known === undefined ? await createTable(session, declaring) : { ...known, declared };
  if (known !== undefined && channel.key.join("\0") !== known.layout.key.join("\0")) {
    if (known.rows > 0) throw otherKey(channel.name, known.layout.key, channel.key);
  }
  const declaredTable =
    known === undefined || hasColumns(known.layout, channel.columns)
      ? { ...table, layout: { ...table.layout, key: channel.key } }
      : await rebuildTable(session, table, declaring.clock);
  await writeChannel(session, declaredTable);
  return declaredTable;
}

async function createTable(
  session: Session,
  { declared, tables }: Declaring,
): Promise<ChannelTable> {
  const used = new Set(tables.map(({ layout }) => layout.table.toLowerCase()));
  const layout = layoutOf(declared.channel, freeName(declared.channel.name, used));
  await session.run(createTableSql(layout));
  return { declared, layout, fromSeq: 0, fromTimeMs: 0, rows: 0, bytes: 0 };
}

/** The rows have all columns in their JSON, from which the new table is filled. */
async function rebuildTable(
  session: Session,
  table: ChannelTable,
  clock: Clock,
): Promise<ChannelTable> {
  const former = table.layout.table;
  const layout = layoutOf(table.declared.channel, `${former} (new)`);
  await session.run(createTableSql(layout));
  const [span] = await session.run(
    `SELECT min(_seq) AS low, max(_seq) AS high FROM ${identifier(former)}`,
  );
  const [low, high] = [Number(span?.["low"] ?? 0), Number(span?.["high"] ?? -1)];
  for (let after = low - 1; after < high;) {
    const rows = await session.run(
      `SELECT * FROM (SELECT _seq, _place, _kind, _key, _time_ms, _row FROM ${identifier(former)}
         WHERE _seq > ${after} ORDER BY _seq LIMIT ${REBUILD_ROWS})
       UNION SELECT _seq, _place, _kind, _key, _time_ms, _row FROM ${identifier(former)}
         WHERE _seq = (SELECT max(_seq) FROM (SELECT _seq FROM ${identifier(former)}
           WHERE _seq > ${after} ORDER BY _seq LIMIT ${REBUILD_ROWS}))
       ORDER BY _seq, _place`,
    );
    after = Number(rows.at(-1)?.["_seq"] ?? high);
    await appendEntries(session, { layout, clock }, rows.map(entryOf));
  }
  await session.run(`DROP TABLE ${identifier(former)}`);
  await session.run(`ALTER TABLE ${identifier(layout.table)} RENAME TO ${identifier(former)}`);
  return { ...table, layout: { ...layout, table: former } };
}

/** Rows of the former table that are in memory at once, and the rest of the last one's commit. */
const REBUILD_ROWS = 20_000;

function entryOf(row: Readonly<Record<string, unknown>>): PlacedEntry {
  const json = row["_row"];
  return {
    channel: "",
    kind: row["_kind"] as PlacedEntry["kind"],
    key: textOfKey(String(row["_key"])),
    seq: Number(row["_seq"]),
    place: Number(row["_place"]),
    timeMs: Number(row["_time_ms"]),
    ...(typeof json === "string" && { row: JSON.parse(json) as Row, json }),
  };
}

function otherKey(name: string, former: readonly string[], key: readonly string[]): TidemarkError {
  return new TidemarkError(
    "BAD_OPTION",
    `Channel "${name}" has rows in its history with the key ${former.join(", ")}, and is declared with the key ${key.join(", ")}. Give it another name, or another store.`,
  );
}
