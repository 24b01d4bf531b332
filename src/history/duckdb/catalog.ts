/**
 * What the file knows of itself, in the schema `tidemark`: the durable state, and the table of each
 * channel. It is written in the transactions of the rows that it describes.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { ColumnType } from "../../protocol/column.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { HistoryBatch, StoredChannel, StoredState } from "../history.ts";
import { FIXED_HISTORY_LIMITS } from "../limits.ts";
import { textKey, textOfKey } from "../sql/order-key.ts";
import type { Session } from "./database.ts";
import type { Layout } from "./layout.ts";
import { Parameters } from "./statement.ts";

const FORMAT_VERSION = 1;

const SCHEMA = [
  `CREATE SCHEMA IF NOT EXISTS tidemark`,
  `CREATE TABLE IF NOT EXISTS tidemark.format (version BIGINT)`,
  `CREATE TABLE IF NOT EXISTS tidemark.state (seq BIGINT, time_ms BIGINT)`,
  `CREATE TABLE IF NOT EXISTS tidemark.source_position (source VARCHAR, position VARCHAR)`,
  `CREATE TABLE IF NOT EXISTS tidemark.request (place BIGINT, id VARCHAR)`,
  `CREATE TABLE IF NOT EXISTS tidemark.channel (name VARCHAR, declared VARCHAR, layout VARCHAR,
    from_seq BIGINT, from_time_ms BIGINT, rows BIGINT, bytes BIGINT)`,
];

/** A channel with its table. */
export interface ChannelTable {
  readonly declared: StoredChannel;
  readonly layout: Layout;
  /** Queries as of a lower seq are refused. */
  readonly fromSeq: number;
  readonly fromTimeMs: number;
  /** Versions of rows in the table, and bytes of their JSON. */
  readonly rows: number;
  readonly bytes: number;
}

/** Without the channels, which the tables have. */
export type DurableState = Omit<StoredState, "channels">;

export interface Catalog {
  readonly state: DurableState;
  readonly channels: readonly ChannelTable[];
}

export async function openCatalog(session: Session): Promise<Catalog> {
  for (const sql of SCHEMA) await session.run(sql);
  const [format] = await session.run("SELECT version FROM tidemark.format");
  if (format === undefined) {
    await session.run(`INSERT INTO tidemark.format VALUES (${FORMAT_VERSION})`);
    await session.run("INSERT INTO tidemark.state VALUES (0, 0)");
  } else if (Number(format["version"]) !== FORMAT_VERSION) {
    throw new TidemarkError(
      "HISTORY_UNAVAILABLE",
      `The history file has format ${String(format["version"])}, and this version of Tidemark reads format ${FORMAT_VERSION}.`,
    );
  }
  const [state] = await session.run("SELECT seq, time_ms FROM tidemark.state");
  const positions = await session.run(
    "SELECT source, position FROM tidemark.source_position ORDER BY source",
  );
  const requests = await session.run("SELECT id FROM tidemark.request ORDER BY place");
  const channels = await session.run("SELECT * FROM tidemark.channel");
  return {
    state: {
      seq: Number(state?.["seq"]),
      timeMs: Number(state?.["time_ms"]),
      sourcePositions: positions.map(
        ({ source, position }) => [textOfKey(String(source)), textOfKey(String(position))] as const,
      ),
      requestIds: requests.map(({ id }) => textOfKey(String(id))),
    },
    channels: channels.map((row) => ({
      declared: declaredIn(String(row["declared"])),
      layout: JSON.parse(String(row["layout"])) as Layout,
      fromSeq: Number(row["from_seq"]),
      fromTimeMs: Number(row["from_time_ms"]),
      rows: Number(row["rows"]),
      bytes: Number(row["bytes"]),
    })),
  };
}

/**
 * Since when a channel is kept, as the session's transaction sees it. @throws TidemarkError
 * `HISTORY_TRIMMED` when that is after `seq`
 */
export async function keptFrom(session: Session, channel: string, seq: number): Promise<number> {
  const parameters = new Parameters();
  const [row] = await session.run(
    `SELECT from_seq, from_time_ms FROM tidemark.channel
     WHERE name = ${parameters.add(textKey(channel), "VARCHAR")}`,
    parameters,
  );
  const fromSeq = Number(row?.["from_seq"] ?? 0);
  if (seq >= fromSeq) return fromSeq;
  const from = new Date(Number(row?.["from_time_ms"])).toISOString();
  throw new TidemarkError(
    "HISTORY_TRIMMED",
    `The history is kept from seq ${fromSeq} on (${from}), and seq ${seq} was asked for.`,
  );
}

/** The state with a batch applied. */
export function nextState(state: DurableState, batch: HistoryBatch): DurableState {
  const positions = new Map([...state.sourcePositions, ...batch.sourcePositions]);
  const requestIds = [...state.requestIds, ...batch.requestIds];
  return {
    seq: batch.seq,
    timeMs: batch.timeMs,
    sourcePositions: [...positions].sort(([left], [right]) => (left < right ? -1 : 1)),
    requestIds: requestIds.slice(-FIXED_HISTORY_LIMITS.requestIdsMax),
  };
}

export async function writeState(session: Session, batch: HistoryBatch): Promise<void> {
  const state = new Parameters();
  const [seq, timeMs] = [
    state.add(BigInt(batch.seq), "BIGINT"),
    state.add(BigInt(Math.trunc(batch.timeMs)), "BIGINT"),
  ];
  await session.run(`UPDATE tidemark.state SET seq = ${seq}, time_ms = ${timeMs}`, state);
  for (const [source, position] of batch.sourcePositions) {
    const parameters = new Parameters();
    const name = parameters.add(textKey(source), "VARCHAR");
    const at = parameters.add(textKey(position), "VARCHAR");
    await session.run(`DELETE FROM tidemark.source_position WHERE source = ${name}`, parameters);
    await session.run(`INSERT INTO tidemark.source_position VALUES (${name}, ${at})`, parameters);
  }
  if (batch.requestIds.length > 0) await writeRequests(session, batch.requestIds);
}

async function writeRequests(session: Session, requestIds: readonly string[]): Promise<void> {
  const [last] = await session.run("SELECT coalesce(max(place), 0) AS place FROM tidemark.request");
  const place = Number(last?.["place"]);
  const kept = requestIds.slice(-FIXED_HISTORY_LIMITS.requestIdsMax);
  const parameters = new Parameters();
  const rows = kept.map(
    (id, index) => `(${place + 1 + index}, ${parameters.add(textKey(id), "VARCHAR")})`,
  );
  await session.run(`INSERT INTO tidemark.request VALUES ${rows.join(", ")}`, parameters);
  const oldest = place + kept.length - FIXED_HISTORY_LIMITS.requestIdsMax;
  await session.run(`DELETE FROM tidemark.request WHERE place <= ${oldest}`);
}

export async function writeChannel(session: Session, channel: ChannelTable): Promise<void> {
  const parameters = new Parameters();
  const name = parameters.add(textKey(channel.declared.channel.name), "VARCHAR");
  const values = [
    name,
    parameters.add(textOfDeclared(channel.declared), "VARCHAR"),
    parameters.add(JSON.stringify(channel.layout), "VARCHAR"),
    ...[channel.fromSeq, channel.fromTimeMs, channel.rows, channel.bytes].map((value) =>
      parameters.add(BigInt(Math.trunc(value)), "BIGINT"),
    ),
  ];
  await session.run(`DELETE FROM tidemark.channel WHERE name = ${name}`, parameters);
  await session.run(`INSERT INTO tidemark.channel VALUES (${values.join(", ")})`, parameters);
}

/** The counts of a channel whose table has grown. */
export async function writeCounts(session: Session, channel: ChannelTable): Promise<void> {
  const parameters = new Parameters();
  const name = parameters.add(textKey(channel.declared.channel.name), "VARCHAR");
  const rows = parameters.add(BigInt(channel.rows), "BIGINT");
  const bytes = parameters.add(BigInt(channel.bytes), "BIGINT");
  await session.run(
    `UPDATE tidemark.channel SET rows = ${rows}, bytes = ${bytes} WHERE name = ${name}`,
    parameters,
  );
}

/** JSON has no Infinity, which bounds may be. */
function textOfDeclared(declared: StoredChannel): string {
  return JSON.stringify(declared, (_, value: unknown) => (value === Infinity ? INFINITY : value));
}

const INFINITY = { $number: "Infinity" };

function declaredIn(text: string): StoredChannel {
  const { channel, source } = JSON.parse(text, (_, value: unknown) =>
    typeof value === "object" && value !== null && "$number" in value ? Infinity : value,
  ) as { readonly channel: ChannelDeclaration; readonly source?: string };
  return { channel, source };
}

/** Whether two layouts hold the same columns. */
export function hasColumns(
  layout: Layout,
  columns: readonly { readonly name: string; readonly type: ColumnType }[],
): boolean {
  const text = (list: readonly { readonly name: string; readonly type: ColumnType }[]): string =>
    JSON.stringify(list.map(({ name, type }) => [name, type]).sort());
  return text(layout.columns) === text(columns);
}
