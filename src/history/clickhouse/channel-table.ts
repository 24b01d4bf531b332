/**
 * The table of one channel: its change log, one row per entry, sorted by seq and the place in the
 * commit. Rows of a writer that another one has replaced, and rows above the durable seq, may stand
 * in it until they are deleted; no query returns them.
 */
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { HistoryEntry } from "../history.ts";
import { textKey } from "../sql/order-key.ts";
import { storedColumns, type StoredColumn } from "./columns.ts";
import { quotedName, type Cell } from "./connection.ts";

export const KINDS = [
  "upsert",
  "remove",
  "reload",
] as const satisfies readonly HistoryEntry["kind"][];

const OWN_COLUMNS = ["_seq", "_place", "_epoch", "_kind", "_time_ms", "_key", "_row"] as const;

export interface ChannelTable {
  readonly channel: ChannelDeclaration;
  /** The table's name in the database. */
  readonly name: string;
  readonly columns: readonly StoredColumn[];
}

/** An entry with its index in its commit. */
export interface PlacedEntry {
  readonly entry: HistoryEntry;
  readonly place: number;
}

export function channelTable(channel: ChannelDeclaration, name: string): ChannelTable {
  return { channel, name, columns: storedColumns(channel) };
}

const PLAIN_TABLE = /^[A-Za-z][A-Za-z0-9_]{0,59}$/;

/** Prefix of the store's own tables. */
export const OWN_TABLES = "tidemark_";

/** A channel's own name where a table can have it; otherwise a number. */
export function tableName(channel: string, taken: ReadonlySet<string>): string {
  const isOwn = channel.startsWith(OWN_TABLES) || !PLAIN_TABLE.test(channel);
  if (!isOwn && !taken.has(channel)) return channel;
  let number = taken.size + 1;
  while (taken.has(`channel_${number}`)) number++;
  return `channel_${number}`;
}

/** What tells two layouts of a table apart. */
export function layoutOf({ columns }: ChannelTable): string {
  return JSON.stringify(columns.flatMap(({ definitions }) => definitions));
}

/**
 * Keys are found by a scan of their hashes: for the fifty keys of a page in ten million rows it
 * takes half the time of a bloom filter, which lets too many blocks through. The smallest and
 * greatest values of each block of 8,192 rows do help, because most columns of time grow with the
 * seq.
 */
export function createTableSql(database: string, table: ChannelTable): string {
  const columns = table.columns.flatMap(({ definitions }) =>
    definitions.map(([name, type]) => `${name} ${type}`),
  );
  const indexes = table.columns.flatMap(({ sql }, index) =>
    sql.terms.slice(0, 1).map((term) => `INDEX _block_${index} ${term.sql} TYPE minmax`),
  );
  return `CREATE TABLE ${tableSql(database, table.name)} (
    ${[
      "_seq UInt64 CODEC(Delta, LZ4)",
      "_place UInt32 CODEC(Delta, LZ4)",
      "_epoch UInt32",
      "_kind Enum8('upsert' = 0, 'remove' = 1, 'reload' = 2)",
      "_time_ms Int64 CODEC(Delta, LZ4)",
      "_key String",
      "_key_hash UInt64 MATERIALIZED cityHash64(_key)",
      "_row String CODEC(ZSTD)",
      "_bytes UInt32 MATERIALIZED length(_row)",
      ...columns,
      "INDEX _block_kind _kind TYPE set(3)",
      "INDEX _block_time _time_ms TYPE minmax",
      ...indexes,
    ].join(",\n    ")}
  ) ENGINE = MergeTree ORDER BY (_seq, _place)
  SETTINGS non_replicated_deduplication_window = 1000`;
}

export function tableSql(database: string, name: string): string {
  return `${quotedName(database)}.${quotedName(name)}`;
}

export function columnNames({ columns }: ChannelTable): readonly string[] {
  return [
    ...OWN_COLUMNS,
    ...columns.flatMap(({ definitions }) => definitions.map(([name]) => name)),
  ];
}

export function cellsOf(
  { columns }: ChannelTable,
  epoch: number,
  { entry, place }: PlacedEntry,
): readonly Cell[] {
  const { seq, kind, timeMs, key, row, json } = entry;
  return [
    seq,
    place,
    epoch,
    kind,
    timeMs,
    textKey(key),
    json ?? (row === undefined ? "" : JSON.stringify(row)),
    ...columns.flatMap(({ column, cellsOf: cells }) => cells(row?.[column.name])),
  ];
}

const SLICE_ROWS = 200;

/** Lines of JSON for an insert, some hundred rows at a time. */
export async function* linesOf(
  table: ChannelTable,
  epoch: number,
  entries: readonly PlacedEntry[],
  pause: () => Promise<void>,
): AsyncGenerator<string> {
  for (let from = 0; from < entries.length; from += SLICE_ROWS) {
    if (from > 0) await pause();
    yield entries
      .slice(from, from + SLICE_ROWS)
      .map((entry) => `${JSON.stringify(cellsOf(table, epoch, entry))}\n`)
      .join("");
  }
}

/** The entries of a batch by channel, each with its index in its commit. */
export function byChannel(
  entries: readonly HistoryEntry[],
): ReadonlyMap<string, readonly PlacedEntry[]> {
  const channels = new Map<string, PlacedEntry[]>();
  let [seq, place] = [0, 0];
  for (const entry of entries) {
    if (entry.seq !== seq) [seq, place] = [entry.seq, 0];
    const placed = channels.get(entry.channel) ?? [];
    channels.set(entry.channel, placed);
    placed.push({ entry, place: place++ });
  }
  return channels;
}
