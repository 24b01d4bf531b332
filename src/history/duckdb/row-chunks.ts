/** Rows of a channel's table as DuckDB's chunks of columns, made in slices. */
import type * as DuckDB from "@duckdb/node-api";
import type { Clock } from "../../std/clock.ts";
import { EventLoopSlices } from "../../std/event-loop-slices.ts";
import { rowHash } from "../../protocol/digest.ts";
import type { Row } from "../../protocol/row.ts";
import type { HistoryEntry } from "../history.ts";
import { textKey } from "../sql/order-key.ts";
import type { Driver, Session } from "./database.ts";
import { columnsOf, type Layout } from "./layout.ts";
import { storedValueOf, type NativeValue, SQL_TYPES } from "./native-types.ts";
import { duckTypeOf, duckValueOf } from "./statement.ts";

/** An entry with its place in its commit. */
export interface PlacedEntry extends HistoryEntry {
  readonly place: number;
}

const CHUNK_ROWS = 256;
/** Rows that the appender hands over at once; it does so on the event loop. */
const FLUSH_ROWS = 1_024;
/** Rows in memory alone can't be evicted, so the work of a busy server must not starve this. */
const SLICES = { leastMs: 3, mostMs: 25 };

/** What was appended: versions of rows, and bytes of their JSON. */
export interface Appended {
  readonly rows: number;
  readonly bytes: number;
  /** Whether a column of the layout was marked. */
  readonly marks: boolean;
}

/**
 * Appends entries to a channel's table. Marks the columns of the layout for which a value is stored
 * that the column's type can't hold.
 */
export async function appendEntries(
  session: Session,
  { layout, clock }: { readonly layout: Layout; readonly clock: Clock },
  entries: Iterable<PlacedEntry>,
): Promise<Appended> {
  let [versions, bytes] = [0, 0];
  const marked = markedIn(layout);
  const appender = await session.appender(layout.table);
  try {
    const slices = new EventLoopSlices(clock, SLICES);
    let unflushed = 0;
    for (const rows of slicesOf(entries)) {
      appender.appendDataChunk(chunkOf(session.driver, layout, rows));
      unflushed += rows.length;
      for (const { kind, json = "" } of rows) {
        if (kind !== "upsert") continue;
        versions++;
        bytes += Buffer.byteLength(json);
      }
      if (unflushed >= FLUSH_ROWS) {
        appender.flushSync();
        unflushed = 0;
      }
      if (slices.isOver) await slices.next();
    }
  } finally {
    appender.closeSync();
  }
  return { rows: versions, bytes, marks: markedIn(layout) > marked };
}

function markedIn({ columns }: Layout): number {
  return columns.filter(({ hasOdd }) => hasOdd).length;
}

function* slicesOf(entries: Iterable<PlacedEntry>): Generator<readonly PlacedEntry[]> {
  let rows: PlacedEntry[] = [];
  for (const entry of entries) {
    rows.push(entry);
    if (rows.length < CHUNK_ROWS) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

function chunkOf(
  driver: Driver,
  layout: Layout,
  entries: readonly PlacedEntry[],
): DuckDB.DuckDBDataChunk {
  const types = columnsOf(layout).map(([, type]) => duckTypeOf(driver, type));
  const columns: DuckDB.DuckDBValue[][] = [
    entries.map(({ seq }) => BigInt(seq)),
    entries.map(({ place }) => BigInt(place)),
    entries.map(({ kind }) => kind),
    entries.map(({ key }) => textKey(key)),
    entries.map(({ key }) => BigInt(rowHash(key))),
    entries.map(({ timeMs }) => BigInt(Math.trunc(timeMs))),
    entries.map(({ json, row }) => json ?? (row === undefined ? null : JSON.stringify(row))),
  ];
  for (const column of layout.columns) {
    const { name, type, orderKey } = column;
    const natives: DuckDB.DuckDBValue[] = [];
    const orderKeys: DuckDB.DuckDBValue[] = [];
    for (const { row } of entries) {
      const value = row === undefined ? null : valueOf(row, name);
      const stored = value === null ? { native: null } : storedValueOf(type, value);
      natives.push(duckValueOf(driver, SQL_TYPES[type], stored.native as NativeValue));
      orderKeys.push(("orderKey" in stored && stored.orderKey) || null);
      if ("isOdd" in stored && stored.isOdd === true) column.hasOdd = true;
    }
    columns.push(natives);
    if (orderKey !== undefined) columns.push(orderKeys);
  }
  const chunk = driver.DuckDBDataChunk.create(types, entries.length);
  chunk.setColumns(columns);
  return chunk;
}

function valueOf(row: Row, column: string): Row[string] {
  return row[column] ?? null;
}
