import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import { TidemarkError } from "../std/errors.ts";
import type { HistoryEntry } from "./history.ts";
import { ScriptedStore } from "./scripted-store.ts";
import type { HistoryStep } from "./step.ts";
import { withoutUnchangedRows } from "./unchanged-rows.ts";

const channel = declareChannel({ name: "rows", key: ["id"], history: {} });
const other = declareChannel({ name: "other", key: ["id"], history: {} });

function reloadOf(seq: number, name: string, values: Readonly<Record<string, number>>) {
  const point = { channel: name, seq, timeMs: seq * 10 };
  return [
    { ...point, kind: "reload", key: "" },
    ...Object.entries(values).map(([id, value]) => {
      const row = { id, value };
      return { ...point, kind: "upsert", key: id, row, json: JSON.stringify(row) };
    }),
  ] as HistoryEntry[];
}

function stepOf(seq: number, entries: readonly HistoryEntry[]): HistoryStep {
  const nothing = { declares: [], sourcePositions: [], requestIds: [], bytes: 0 };
  return { seq, timeMs: seq * 10, entries, ...nothing };
}

const textOf = ({ channel: name, kind, key, row }: HistoryEntry): string =>
  `${name} ${kind} ${key}${row === undefined ? "" : `=${String(row["value"])}`}`.trim();

/** A store with the rows of both channels, and what of a reload reaches it. */
async function world(rows: Readonly<Record<string, number>>) {
  const store = new ScriptedStore();
  for (const each of [channel, other]) await store.declare({ channel: each, source: "s" });
  const write = async (step: HistoryStep): Promise<void> => {
    const { seq: after } = await store.open();
    const { seq, timeMs, entries } = step;
    await store.write({ after, seq, timeMs, entries, sourcePositions: [], requestIds: [] });
  };
  await write(stepOf(1, [...reloadOf(1, "rows", rows), ...reloadOf(1, "other", { x: 1 })]));
  const compare = async (entries: readonly HistoryEntry[]): Promise<readonly HistoryEntry[]> => {
    const channels = new Map([channel, other].map((each) => [each.name, each]));
    const step = await withoutUnchangedRows(stepOf(2, entries), {
      store,
      seq: 1,
      channelOf: (name) => channels.get(name),
    });
    await write(step);
    return step.entries;
  };
  const rowsNow = async (name: typeof channel) => {
    const query = { channel: name, where: undefined, orderBy: [], limit: 100_000, asOf: 2 };
    return (await store.page(query)).rows.map(({ json, seq }) => `${json} at ${seq}`);
  };
  return { store, compare, rowsNow };
}

describe("a reload that reaches the store", () => {
  it("writes nothing where nothing has changed, also for an empty table", async () => {
    const { compare, rowsNow } = await world({ a: 1, b: 2 });
    const same = [...reloadOf(2, "rows", { b: 2, a: 1 }), ...reloadOf(2, "other", { x: 1 })];
    expect(await compare(same)).toEqual([]);
    expect(await rowsNow(channel)).toEqual([
      '{"id":"a","value":1} at 1',
      '{"id":"b","value":2} at 1',
    ]);
    const empty = await world({});
    expect(await empty.compare(reloadOf(2, "rows", {}))).toEqual([]);
  });

  it("writes the rows that differ and the keys that are gone, and leaves other channels alone", async () => {
    const { compare, rowsNow } = await world({ a: 1, b: 2, c: 3, d: 4 });
    const added = { ...reloadOf(2, "other", { y: 2 })[1], seq: 2 } as HistoryEntry;
    const entries = [added, ...reloadOf(2, "rows", { a: 1, b: 20, d: 4, e: 5 })];
    expect((await compare(entries)).map(textOf)).toEqual([
      "other upsert y=2",
      "rows upsert b=20",
      "rows upsert e=5",
      "rows remove c",
    ]);
    expect(await rowsNow(channel)).toEqual([
      '{"id":"a","value":1} at 1',
      '{"id":"b","value":20} at 2',
      '{"id":"d","value":4} at 1',
      '{"id":"e","value":5} at 2',
    ]);
    expect(await rowsNow(other)).toHaveLength(2);
  });

  it("stays whole where that has fewer entries: after a TRUNCATE, or with few rows left", async () => {
    const before = { a: 1, b: 2, c: 3, d: 4 };
    for (const after of [{}, { a: 1 }, { x: 1, y: 2 }]) {
      const { compare } = await world(before);
      const entries = reloadOf(2, "rows", after);
      expect(await compare(entries)).toEqual(entries);
    }
  });

  it("compares tables of many batches", async () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`k${at}`, at]));
    const { compare } = await world(many);
    const entries = await compare(reloadOf(2, "rows", { ...many, k7: -1 }));
    expect(entries.map(textOf)).toEqual(["rows upsert k7=-1"]);
  });

  it("stays whole where the comparison costs too much; another failure fails the write", async () => {
    const { store, compare } = await world({ a: 1 });
    const entries = reloadOf(2, "rows", { a: 1 });
    const failing = (error: Error) => () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    });
    store.scan = failing(new TidemarkError("HISTORY_UNAVAILABLE", "down"));
    await expect(compare(entries)).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    store.scan = failing(new TidemarkError("QUERY_TOO_COSTLY", "too many rows"));
    expect(await compare(entries)).toEqual(entries);
  });
});
