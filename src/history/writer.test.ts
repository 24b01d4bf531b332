import { describe, expect, it, onTestFinished } from "vitest";
import {
  driven,
  ids,
  keysIn,
  serverWith,
  settle,
  tradesChannel,
  until,
  type Trade,
} from "../../test/support/driven-server.ts";
import { silent } from "../../test/support/silent.ts";
import { channel } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { ManualClock } from "../std/manual-clock.ts";
import { FIXED_HISTORY_LIMITS } from "./limits.ts";
import { ScriptedStore } from "./scripted-store.ts";
import { StepReader } from "./step.ts";

describe("the history writer", () => {
  it("writes a batch when it has maxRows rows or the first has waited maxDelayMs", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table } = serverWith(store);
    await driven(clock, tidemark.start());
    clock.advance(1_000);
    await settle();
    const before = store.batches.length;
    await table.upsert(ids(1, 2));
    clock.advance(199);
    await settle();
    expect(store.batches.length).toBe(before);
    clock.advance(1);
    await settle();
    expect(keysIn(store)).toEqual(["t1", "t2"]);
    await table.upsert(ids(3, 7));
    await settle();
    expect(store.batches.at(-1)?.entries.map(({ key }) => key)).toEqual([
      "t3",
      "t4",
      "t5",
      "t6",
      "t7",
    ]);
  });

  it("rests after a batch, unless somebody waits for a row", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table } = serverWith(store);
    await driven(clock, tidemark.start());
    // The declaration is written, and its rest is over.
    for (const ms of [200, 1_000]) {
      clock.advance(ms);
      await settle();
    }
    const upsertAfterSlowBatch = async (from: number): Promise<number> => {
      store.onWrite = () => clock.spend(20);
      await table.upsert(ids(from, from + 4));
      await settle();
      store.onWrite = () => {};
      const seq = await table.upsert(ids(from + 5, from + 9));
      await settle();
      return seq;
    };
    await upsertAfterSlowBatch(1);
    expect(keysIn(store)).toHaveLength(5);
    clock.advance(60);
    await settle();
    expect(keysIn(store)).toHaveLength(10);
    const seq = await upsertAfterSlowBatch(11);
    expect(keysIn(store)).toHaveLength(15);
    await tidemark.durable(seq);
    expect(keysIn(store)).toHaveLength(20);
  });

  it("has one write in flight, and the next batch grows meanwhile", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table } = serverWith(store);
    await driven(clock, tidemark.start());
    await settle();
    let finish = (): void => {};
    let writes = 0;
    store.onWrite = () => {
      writes++;
      return new Promise((resolve) => (finish = resolve));
    };
    await table.upsert(ids(1, 5));
    await settle();
    for (let id = 6; id <= 30; id++) await table.upsert(ids(id, id));
    await settle();
    expect(writes).toBe(1);
    finish();
    await settle();
    expect(writes).toBe(2);
    finish();
    await settle();
    expect(store.batches.at(-1)?.entries).toHaveLength(25);
  });

  it("resolves upsert at placement, and durable when the store holds the row", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table, other } = serverWith(store);
    await driven(clock, tidemark.start());
    let finish = (): void => {};
    store.onWrite = () => new Promise((resolve) => (finish = resolve));
    const seq = await table.upsert(ids(1, 5));
    const laterSeq = await other.upsert(ids(1, 1));
    expect(table.size).toBe(0);
    const resolved: string[] = [];
    void tidemark.durable(seq).then(() => resolved.push("row"));
    void tidemark.durable(laterSeq).then(() => resolved.push("later, of another channel"));
    await settle();
    clock.advance(10_000);
    await settle();
    expect(table.size).toBe(5);
    expect(resolved).toEqual([]);
    finish();
    await settle();
    finish();
    await settle();
    expect(resolved).toEqual(["row", "later, of another channel"]);
  });

  it("keeps rows in the table until the store holds them", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table } = serverWith(store);
    await driven(clock, tidemark.start());
    store.onWrite = () => {
      throw new Error("down");
    };
    await table.upsert(ids(1, 10));
    await until(clock, () => table.size === 10);
    store.onWrite = () => {};
    await until(clock, () => table.size === 3);
    expect(keysIn(store)).toEqual(ids(1, 10).map(({ id }) => id));
    expect(table.get("t8")).toEqual({ id: "t8" });
  });

  it("continues above the store's seq, with the newest rows in the table", async () => {
    const store = new ScriptedStore();
    const first = serverWith(store);
    await driven(first.clock, first.tidemark.start());
    for (let id = 1; id <= 5; id++) await first.trades.upsert({ id: `t${id}`, price: id });
    const last = await first.trades.remove("t4");
    await driven(first.clock, first.tidemark.stop());
    expect(store.entries).toHaveLength(6);
    const second = serverWith(store);
    await driven(second.clock, second.tidemark.start());
    expect(second.trades.get("t5")).toEqual({ id: "t5", price: 5 });
    expect(second.trades.get("t4")).toBeUndefined();
    expect(second.trades.size).toBe(3);
    expect(await second.trades.upsert({ id: "t6" })).toBeGreaterThan(last);
    expect(second.tidemark.epoch).not.toBe(first.tidemark.epoch);
  });

  it("gives no seq a second meaning, though the last ones had no rows to store", async () => {
    const store = new ScriptedStore();
    const started = async () => {
      const server = serverWith(store);
      await driven(server.clock, server.tidemark.start());
      return server;
    };
    const first = await started();
    await first.trades.upsert(ids(1, 1));
    await until(first.clock, () => store.entries.length === 1);
    const told = await first.other.upsert(ids(1, 1));
    const second = await started();
    expect(await second.trades.upsert(ids(2, 2))).toBeGreaterThan(told);
    const toldAgain = await second.other.upsert(ids(1, 1));
    const third = await started();
    expect(await third.trades.upsert(ids(3, 3))).toBeGreaterThan(toldAgain);
  });

  it("lets the stored seq follow when half a gap of commits had no rows to store", () => {
    const steps = new StepReader({ seq: 10, channels: [] });
    const { seqGap } = FIXED_HISTORY_LIMITS;
    const step = (seq: number) => steps.step({ seq, timeMs: 1, changes: [] });
    expect(step(11)).toBeUndefined();
    expect(step(10 + seqGap / 2)).toMatchObject({ seq: 10 + seqGap / 2, entries: [] });
    expect(step(11 + seqGap / 2)).toBeUndefined();
  });

  it("applies retention from time to time, also after it failed once", async () => {
    const store = new ScriptedStore();
    const trimmed: string[] = [];
    store.trim = (each) => {
      trimmed.push(each.name);
      return trimmed.length === 1 ? Promise.reject(new Error("busy")) : Promise.resolve();
    };
    const clock = new ManualClock();
    const tidemark = createTidemark({
      channels: {
        trades: tradesChannel,
        short: channel<Trade>({ key: "id", history: { keepMs: 1_000 } }),
      },
      history: store,
      limits: { history: { trimIntervalMs: 1_000 } },
      clock,
      logger: silent,
    });
    onTestFinished(() => driven(clock, tidemark.stop()));
    await driven(clock, tidemark.start());
    await until(clock, () => trimmed.length === 2);
    expect(trimmed).toEqual(["short", "short"]);
  });

  it("takes writes before the start, and refuses options that exclude each other", async () => {
    const store = new ScriptedStore();
    const { clock, tidemark, trades: table } = serverWith(store);
    await table.upsert(ids(1, 2));
    await driven(clock, tidemark.start());
    expect(table.size).toBe(2);
    expect(() => createTidemark({ channels: { trades: tradesChannel }, logger: silent })).toThrow(
      "duckdb(file)",
    );
  });
});
