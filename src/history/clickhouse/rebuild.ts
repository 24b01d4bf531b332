/**
 * A channel's table with other columns: its rows are copied into a new table, which takes the old
 * one's name when it is whole. Their values come from the stored JSON.
 */
import type { HistoryEntry } from "../history.ts";
import type { Row } from "../../protocol/row.ts";
import { textOfKey } from "../sql/order-key.ts";
import {
  cellsOf,
  columnNames,
  createTableSql,
  OWN_TABLES,
  tableSql,
  type ChannelTable,
} from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";

const ROWS_PER_COPY = 20_000;
const ROWS_PER_SLICE = 200;

type CopiedRow = readonly [
  seq: number,
  place: number,
  epoch: number,
  kind: HistoryEntry["kind"],
  timeMs: number,
  key: string,
  json: string,
];

export async function rebuildTable(
  connection: ClickHouseConnection,
  database: string,
  table: ChannelTable,
  pause: () => Promise<void>,
): Promise<void> {
  const [from, to] = [table.name, `${OWN_TABLES}rebuilt_${table.name}`].map((name) =>
    tableSql(database, name),
  ) as [string, string];
  await connection.run(`DROP TABLE IF EXISTS ${to}`);
  await connection.run(
    createTableSql(database, { ...table, name: `${OWN_TABLES}rebuilt_${table.name}` }),
  );
  let [seq, place] = [0, 0];
  for (;;) {
    const rows: readonly CopiedRow[] = await connection.rows<CopiedRow>(
      `SELECT _seq, _place, _epoch, _kind, _time_ms, _key, _row FROM ${from}
       WHERE (_seq, _place) > (${seq}, ${place}) ORDER BY _seq, _place LIMIT ${ROWS_PER_COPY}`,
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    await connection.insert(to, columnNames(table), linesOf(table, rows, pause), `${seq}:${place}`);
    [seq, place] = last;
  }
  await connection.run(`EXCHANGE TABLES ${from} AND ${to}`);
  await connection.run(`DROP TABLE ${to}`);
}

async function* linesOf(
  table: ChannelTable,
  rows: readonly CopiedRow[],
  pause: () => Promise<void>,
): AsyncGenerator<string> {
  const channel = table.channel.name;
  for (let at = 0; at < rows.length; at += ROWS_PER_SLICE) {
    if (at > 0) await pause();
    yield rows
      .slice(at, at + ROWS_PER_SLICE)
      .map(([seq, place, epoch, kind, timeMs, key, json]) => {
        const entry = { channel, kind, key: textOfKey(key), seq, timeMs };
        const whole = kind === "upsert" ? { ...entry, row: JSON.parse(json) as Row, json } : entry;
        return `${JSON.stringify(cellsOf(table, epoch, { entry: whole, place }))}\n`;
      })
      .join("");
  }
}
