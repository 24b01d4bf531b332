/** Rows for histories of any size: trades with ids of their own, or quotes of few symbols. */
import type { HistoryBatch, HistoryEntry, HistoryStore } from "../../src/history/history.ts";
import { declareChannel, type ChannelDeclaration } from "../../src/log/channel.ts";

export const TRADES: ChannelDeclaration = declareChannel({
  name: "trades",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "symbol", type: "text" },
    { name: "price", type: "numeric" },
    { name: "quantity", type: "float" },
    { name: "at", type: "timestamp" },
  ],
  history: {},
});

/** The same columns; each row is a new version of one of so many keys. */
export const QUOTES: ChannelDeclaration = { ...TRADES, name: "quotes" };
const QUOTE_KEYS = 1_000;

const SYMBOLS = Array.from({ length: 200 }, (_, index) => `SYM${index}USDT`);
/** Rows of one commit. */
export const COMMIT_ROWS = 50;
const BATCH_ROWS = 20_000;
const FROM_MS = Date.parse("2026-01-01T00:00:00Z");

function entryOf(channel: ChannelDeclaration, index: number, seq: number): HistoryEntry {
  const id = channel === QUOTES ? `q${(index * 7_919) % QUOTE_KEYS}` : `t${index}`;
  const timeMs = FROM_MS + index;
  const row = {
    id,
    symbol: SYMBOLS[(index * 7_919) % SYMBOLS.length] ?? "",
    price: ((index * 104_729) % 10_000_000) / 100 + 1,
    quantity: ((index * 31) % 1_000) / 10,
    at: new Date(timeMs).toISOString(),
  };
  const text = { ...row, price: row.price.toFixed(2) };
  return {
    channel: channel.name,
    kind: "upsert",
    key: id,
    seq,
    timeMs,
    row: text,
    json: JSON.stringify(text),
  };
}

/** Writes so many rows, and returns the seq after them. */
export async function fill(
  store: HistoryStore,
  channel: ChannelDeclaration,
  { rows, after }: { readonly rows: number; readonly after: number },
): Promise<number> {
  await store.declare({ channel, source: undefined });
  let seq = after;
  for (let written = 0; written < rows; written += BATCH_ROWS) {
    const entries: HistoryEntry[] = [];
    const first = seq + 1;
    for (let index = written; index < Math.min(rows, written + BATCH_ROWS); index++) {
      entries.push(entryOf(channel, index, first + Math.floor((index - written) / COMMIT_ROWS)));
    }
    const last = entries.at(-1);
    const batch: HistoryBatch = {
      after: seq,
      seq: last?.seq ?? seq,
      timeMs: last?.timeMs ?? 0,
      entries,
      sourcePositions: [],
      requestIds: [],
    };
    await store.write(batch);
    seq = batch.seq;
  }
  return seq;
}
