/**
 * All rows of a channel as of a seq, in slices of its table. For each slice the server is asked
 * first which of its keys have a newer entry, so neither side keeps more than a slice.
 */
import type { StoredRow } from "../history.ts";
import { textOfKey } from "../sql/order-key.ts";
import { tableSql, type ChannelTable } from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { entriesSql, versionsSql, type Snapshot } from "./snapshot.ts";

/** Entries of one slice, and rows of one batch. */
const SLICE_ENTRIES = 20_000;
const BATCH_ROWS = 1_000;

type Place = readonly [seq: number, place: number];

interface Slice {
  readonly connection: ClickHouseConnection;
  readonly name: string;
  /** SQL that is true for its entries. */
  readonly entries: string;
  /** SQL that is true for them and for all newer ones. */
  readonly since: string;
}

export async function* scanRows(
  connection: ClickHouseConnection,
  table: ChannelTable,
  snapshot: Snapshot,
  asOf: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredRow[]> {
  const name = tableSql(snapshot.database, table.name);
  const versions = versionsSql(table, snapshot, asOf);
  let after: Place = [0, 0];
  for (;;) {
    signal?.throwIfAborted();
    const following = `${versions} AND (_seq, _place) > (${after.join(", ")})`;
    const [end] = await connection.rows<Place>(
      `SELECT _seq, _place FROM ${name} WHERE ${following}
       ORDER BY _seq, _place LIMIT 1 OFFSET ${SLICE_ENTRIES - 1}`,
      {},
      signal,
    );
    const entries =
      end === undefined ? following : `${following} AND (_seq, _place) <= (${end.join(", ")})`;
    const since = `${entriesSql(snapshot, asOf)} AND _kind != 'reload' AND _seq >= ${after[0]}`;
    yield* rowsOf({ connection, name, entries, since }, signal);
    if (end === undefined) return;
    after = end;
  }
}

async function* rowsOf(
  { connection, name, entries, since }: Slice,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredRow[]> {
  const newest = new Map(
    await connection.rows<[key: string, seq: number]>(
      `SELECT _key, max(_seq) FROM ${name}
       WHERE ${since} AND _key_hash IN (SELECT _key_hash FROM ${name} WHERE ${entries})
       GROUP BY _key HAVING count() > 1`,
      {},
      signal,
    ),
  );
  const found = connection.stream<[seq: number, timeMs: number, key: string, json: string]>(
    `SELECT _seq, _time_ms, _key, _row FROM ${name} WHERE ${entries} AND _kind = 'upsert'`,
  );
  let batch: StoredRow[] = [];
  for await (const [seq, timeMs, key, json] of found) {
    if ((newest.get(key) ?? seq) > seq) continue;
    batch.push({ key: textOfKey(key), json, seq, timeMs });
    if (batch.length < BATCH_ROWS) continue;
    signal?.throwIfAborted();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
