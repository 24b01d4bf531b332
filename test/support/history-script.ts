/** Batches that follow from the seq before them, so that every process knows what a store holds. */
import type { HistoryBatch, HistoryEntry } from "../../src/history/history.ts";
import { declareChannel } from "../../src/log/channel.ts";

export const CHANNELS = ["trades", "orders"].map((name) =>
  declareChannel({
    name,
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "price", type: "numeric" },
      { name: "at", type: "timestamp" },
    ],
    history: {},
  }),
);

const COMMITS = 3;
const KEYS = 40;

/** Three commits of some rows; larger batches now and then. */
export function batchAfter(after: number): HistoryBatch {
  const entries: HistoryEntry[] = [];
  for (let seq = after + 1; seq <= after + COMMITS; seq++) entries.push(...entriesOf(seq));
  const seq = after + COMMITS;
  return {
    after,
    seq,
    timeMs: seq * 10,
    entries,
    sourcePositions: [["script", String(seq)]],
    requestIds: [`request ${seq}`],
  };
}

export function entriesOf(seq: number): readonly HistoryEntry[] {
  const { name } = CHANNELS[seq % CHANNELS.length] ?? { name: "" };
  const count = seq % 10 === 0 ? 2_000 : 20;
  return Array.from({ length: count }, (_, index): HistoryEntry => {
    const id = `k${count > KEYS ? index : (index * 3 + seq) % KEYS}`;
    const at = { channel: name, key: id, seq, timeMs: seq * 10 };
    if (index % 7 === 3) return { ...at, kind: "remove" };
    const row = { id, price: `${seq}.${index}`, at: new Date(seq).toISOString() };
    return { ...at, kind: "upsert", row, json: JSON.stringify(row) };
  });
}
