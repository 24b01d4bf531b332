/** Derived tables on a server with a history store: over restarts, and with history of their own. */
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { ScriptedStore } from "../history/scripted-store.ts";
import { channel } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { count, last, sum, timeBucket } from "./aggregate.ts";
import { derived } from "./derived.ts";

interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: string;
  readonly time: string;
}

const trades = channel<Trade>({
  key: "id",
  columns: { id: "text", symbol: "text", price: "numeric", time: "timestamp" },
  bounds: { rowsMax: 3 },
  history: { appendOnly: true, maxDelayMs: 1 },
});
const totals = derived({
  from: { trades },
  over: "stream",
  groupBy: { symbol: "symbol" },
  columns: { trades: count(), total: sum("price"), close: last("price", { by: "time" }) },
  history: { maxDelayMs: 1 },
});
const minutes = derived({
  from: { trades },
  over: "stream",
  groupBy: { minute: timeBucket("time", "1m", { keep: 2 }) },
  columns: { trades: count() },
  history: { maxDelayMs: 1 },
});
const windowed = derived({
  from: { trades },
  over: "window",
  groupBy: { symbol: "symbol" },
  columns: { trades: count() },
});
const channels = { trades, totals, minutes, windowed };

async function start(store: ScriptedStore) {
  const tidemark = createTidemark({ channels, history: store, logger: pino({ level: "silent" }) });
  onTestFinished(() => tidemark.stop());
  await tidemark.start();
  return tidemark;
}

function trade(number: number): Trade {
  return {
    id: `t${number}`,
    symbol: number % 2 === 0 ? "even" : "odd",
    price: `${number}.10`,
    time: new Date(Date.UTC(2026, 0, 1, 0, Math.floor(number / 4), number)).toISOString(),
  };
}

/** The rows of a channel as of the store's end: each entry laid over those before. */
function storedRows(store: ScriptedStore, name: string): Record<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const { channel: of, kind, key, row } of store.entries) {
    if (of !== name) continue;
    if (kind === "reload") rows.clear();
    else if (kind === "remove") rows.delete(key);
    else rows.set(key, row);
  }
  return Object.fromEntries(rows);
}

describe("derived tables with a history store", () => {
  it("count what has left the window, also after a restart, and keep history of their own", async () => {
    const store = new ScriptedStore();
    const before = await start(store);
    const seqs: number[] = [];
    for (let number = 0; number < 16; number++)
      seqs.push(await before.channel("trades").upsert(trade(number)));
    await before.durable(seqs.at(-1) ?? 0);
    const even = { symbol: "even", trades: 8, total: "56.8", close: "14.10" };
    const odd = { symbol: "odd", trades: 8, total: "64.8", close: "15.10" };
    expect(before.channel("totals").get("even")).toEqual(even);
    // A row of history is of the commit that changed its sources.
    const own = store.entries.filter(({ channel: of }) => of === "totals").map(({ seq }) => seq);
    expect(own.slice(-16)).toEqual(seqs);
    expect(storedRows(store, "totals")).toEqual({ even, odd });
    // Two minutes are in the table, all four in history.
    await expect.poll(() => before.channel("minutes").size).toBe(2);
    expect(Object.keys(storedRows(store, "minutes"))).toHaveLength(4);
    await expect.poll(() => before.channel("trades").size).toBe(3);
    await before.stop();

    const count = store.entries.length;
    const after = await start(store);
    expect(after.channel("trades").size).toBe(3);
    expect(after.channel("totals").get("even")).toEqual(even);
    expect(after.channel("totals").get("odd")).toEqual(odd);
    expect(after.channel("windowed").get("odd")).toEqual({ symbol: "odd", trades: 2 });
    const seq = await after.channel("trades").upsert({ ...trade(16), price: "-0.0001" });
    await after.durable(seq);
    expect(after.channel("totals").get("even")).toEqual({
      symbol: "even",
      trades: 9,
      total: "56.7999",
      close: "-0.0001",
    });
    // Nothing but the trade, its total and its minute was written: a start changes nothing.
    expect(store.entries.slice(count).map(({ channel: of, kind }) => `${of} ${kind}`)).toEqual([
      "trades upsert",
      "totals upsert",
      "minutes upsert",
    ]);
  });

  it("give the store what changed while they were not computed", async () => {
    const store = new ScriptedStore();
    const plain = createTidemark({
      channels: { trades },
      history: store,
      logger: pino({ level: "silent" }),
    });
    await plain.start();
    for (let number = 0; number < 8; number++) await plain.channel("trades").upsert(trade(number));
    await plain.stop();
    const tidemark = await start(store);
    const seq = await tidemark.channel("trades").upsert(trade(8));
    await tidemark.durable(seq);
    expect(storedRows(store, "totals")).toEqual({
      even: { symbol: "even", trades: 5, total: "20.5", close: "8.10" },
      odd: { symbol: "odd", trades: 4, total: "16.4", close: "7.10" },
    });
  });

  it("has history of what was written just before a stop, as of each commit", async () => {
    const store = new ScriptedStore();
    const tidemark = await start(store);
    const placed = Array.from({ length: 20 }, (_, number) =>
      tidemark.channel("trades").upsert(trade(number)),
    );
    await Promise.all(placed);
    await tidemark.stop();
    const seqsOf = (name: string): readonly number[] =>
      store.entries.filter(({ channel: of }) => of === name).map(({ seq }) => seq);
    expect(seqsOf("trades").length).toBe(20);
    expect(seqsOf("totals").filter((seq) => seqsOf("trades").includes(seq))).toEqual(
      seqsOf("trades"),
    );
  });
});
