import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { ManualClock } from "../std/manual-clock.ts";
import { channel } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { FIXED_HISTORY_LIMITS, type HistoryLimits } from "./limits.ts";
import { ScriptedStore } from "./scripted-store.ts";
import { StepReader } from "./step.ts";

interface Trade {
  id: string;
  price?: number;
}

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-history-"));
});
afterEach(() => rm(folder, { recursive: true }));

const logger = pino({ level: "silent" });
const trades = channel<Trade>({
  key: "id",
  bounds: { rowsMax: 3 },
  history: { maxRows: 5, maxDelayMs: 200 },
});

function serverWith(
  store: ScriptedStore,
  { clock = new ManualClock(), limits = {} as Partial<HistoryLimits> } = {},
) {
  const tidemark = createTidemark({
    channels: { trades, other: channel<Trade>({ key: "id" }) },
    history: store,
    limits: { history: limits },
    clock,
    logger,
  });
  onTestFinished(() => driven(clock, tidemark.stop()));
  const rows = tidemark.channel("trades");
  const statusOf = (name: string): string =>
    (tidemark.stats()["channels"] as { channel: string; status: string }[]).find(
      (each) => each.channel === name,
    )?.status ?? "";
  return { clock, tidemark, trades: rows, other: tidemark.channel("other"), statusOf };
}

/** Waits for a promise that needs time to pass. */
async function driven<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = promise.finally(() => (isDone = true));
  done.catch(() => {});
  await until(clock, () => isDone);
  return done;
}

/** Lets promises, and reads and writes of files, go on, and moves the clock. */
async function until(clock: ManualClock, isDone: () => boolean | Promise<boolean>): Promise<void> {
  await expect
    .poll(
      async () => {
        clock.advance(50);
        return isDone();
      },
      { interval: 1 },
    )
    .toBe(true);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const ids = (from: number, to: number): Trade[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ id: `t${from + at}` }));
const keysIn = (store: ScriptedStore): readonly string[] => store.entries.map(({ key }) => key);

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

  it("goes on while the store is down, spills, and stores each row once and in order", async () => {
    const store = new ScriptedStore(join(folder, "spill"));
    const limits = { pendingRowsMax: 10, spillBytesMax: 64_000 };
    const { clock, tidemark, trades: table, statusOf } = serverWith(store, { limits });
    await driven(clock, tidemark.start());
    store.onWrite = () => {
      throw new Error("the disk is on holiday");
    };
    for (let id = 1; id <= 300; id++) await table.upsert(ids(id, id));
    await until(clock, () => table.size === 3);
    expect(store.entries).toEqual([]);
    expect(tidemark.stats()["history"]).toMatchObject({
      status: "retrying",
      reason: "the disk is on holiday",
      pending: { rows: expect.closeTo(301, -1) as number },
    });
    expect(statusOf("trades")).toBe("live");
    store.onWrite = () => {};
    await until(clock, () => store.entries.length === 300);
    expect(keysIn(store)).toEqual(ids(1, 300).map(({ id }) => id));
    await until(clock, async () => (await readdir(folder)).length === 0);
    await table.upsert(ids(301, 305));
    await until(clock, () => store.entries.length === 305);
  });

  it("stores from memory what its spill can't take while the disk fails", async () => {
    const store = new ScriptedStore(join(folder, "missing", "spill"));
    const limits = { pendingRowsMax: 10 };
    const { clock, tidemark, trades: table, other } = serverWith(store, { limits });
    await driven(clock, tidemark.start());
    store.onWrite = () => {
      throw new Error("down");
    };
    for (let id = 1; id <= 50; id++) await table.upsert(ids(id, id)).catch(() => {});
    await until(clock, () => table.size > 10);
    await other.upsert(ids(1, 1));
    const placed = table.size;
    store.onWrite = () => {};
    await until(clock, () => store.entries.length === placed);
    expect(keysIn(store)).toEqual(ids(1, placed).map(({ id }) => id));
    await until(clock, () => tidemark.stats()["history"] !== undefined);
    await table.upsert(ids(100, 100));
    await until(clock, () => keysIn(store).at(-1) === "t100");
  });

  it.each(["with a spill file", "in memory alone"])(
    "refuses producers past its bounds, %s, and says so, until there is room",
    async (place) => {
      const spillFile = place === "in memory alone" ? undefined : join(folder, "spill");
      const store = new ScriptedStore(spillFile);
      const limits = { pendingRowsMax: 20, spillBytesMax: 2_000 };
      const { clock, tidemark, trades: table, other, statusOf } = serverWith(store, { limits });
      await driven(clock, tidemark.start());
      await until(clock, () => store.batches.length > 0);
      store.onWrite = () => {
        throw new Error("down");
      };
      let placed = 0;
      const refused = await (async (): Promise<unknown> => {
        for (; placed < 1_000; placed++) {
          try {
            await table.upsert(ids(placed + 1, placed + 1));
          } catch (error) {
            return error;
          }
        }
        return undefined;
      })();
      expect(refused).toMatchObject({ code: "HISTORY_FULL", retryable: true });
      expect(placed).toBeGreaterThan(19);
      await until(clock, () => statusOf("trades") === "stale");
      expect(statusOf("other")).toBe("live");
      await other.upsert(ids(1, 1));
      store.onWrite = () => {};
      await until(clock, () => statusOf("trades") === "live");
      await table.upsert(ids(placed + 1, placed + 1));
      await until(clock, () => store.entries.length === placed + 1);
      expect(keysIn(store)).toEqual(ids(1, placed + 1).map(({ id }) => id));
    },
  );

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

  it("stores what an earlier process left in its spill before it begins", async () => {
    const store = new ScriptedStore(join(folder, "spill"));
    const first = serverWith(store);
    await driven(first.clock, first.tidemark.start());
    await until(first.clock, () => store.batches.length > 0);
    store.onWrite = () => {
      throw new Error("down");
    };
    for (let id = 1; id <= 50; id++) await first.trades.upsert(ids(id, id));
    await driven(first.clock, first.tidemark.stop());
    expect(store.entries).toEqual([]);
    store.onWrite = () => {};
    const second = serverWith(store);
    await driven(second.clock, second.tidemark.start());
    expect(keysIn(store)).toEqual(ids(1, 50).map(({ id }) => id));
    expect(second.trades.get("t50")).toEqual({ id: "t50" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("evicts what is in its spill, which a process that is killed leaves to the next", async () => {
    const store = new ScriptedStore(join(folder, "spill"));
    const limits = { pendingRowsMax: 10 };
    const { clock, tidemark, trades: table } = serverWith(store, { limits });
    await driven(clock, tidemark.start());
    await until(clock, () => store.batches.length > 0);
    store.onWrite = () => new Promise(() => {});
    const copies: string[] = [];
    onTestFinished(async () => {
      for (const copy of copies) await rm(copy, { recursive: true });
    });
    for (let last = 10; last <= 60; last += 10) {
      await table.upsert(ids(last - 9, last));
      await until(clock, () => table.get(`t${last}`) !== undefined);
      // As the disk has it when the process is killed now.
      const evicted = ids(1, last).filter(({ id }) => table.get(id) === undefined);
      const copy = await mkdtemp(join(tmpdir(), "tidemark-killed-"));
      copies.push(copy);
      await cp(folder, copy, { recursive: true });
      const next = new ScriptedStore(join(copy, "spill"));
      for (const declared of (await store.open()).channels) await next.declare(declared);
      const second = serverWith(next);
      await driven(second.clock, second.tidemark.start());
      expect(keysIn(next)).toEqual(expect.arrayContaining(evicted.map(({ id }) => id)));
      await until(clock, () => last < 20 || table.size === 3);
    }
    expect(store.entries).toEqual([]);
  });

  it("keeps in the table what its spill can't take", async () => {
    const store = new ScriptedStore(join(folder, "missing", "spill"));
    const {
      clock,
      tidemark,
      trades: table,
    } = serverWith(store, { limits: { pendingRowsMax: 10 } });
    await driven(clock, tidemark.start());
    await until(clock, () => store.batches.length > 0);
    store.onWrite = () => new Promise(() => {});
    await table.upsert(ids(1, 20));
    await until(clock, () => clock.monotonic() > 5_000);
    expect(table.size).toBe(20);
    store.onWrite = () => {};
  });

  it("stops although the store does not answer, with the rows in the spill", async () => {
    const store = new ScriptedStore(join(folder, "spill"));
    const first = serverWith(store);
    await driven(first.clock, first.tidemark.start());
    await until(first.clock, () => store.batches.length > 0);
    store.onWrite = () => new Promise(() => {});
    await first.trades.upsert(ids(1, 5));
    await driven(first.clock, first.tidemark.stop());
    store.onWrite = () => {};
    const second = serverWith(store);
    await driven(second.clock, second.tidemark.start());
    expect(keysIn(store)).toEqual(ids(1, 5).map(({ id }) => id));
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
      channels: { trades, short: channel<Trade>({ key: "id", history: { keepMs: 1_000 } }) },
      history: store,
      limits: { history: { trimIntervalMs: 1_000 } },
      clock,
      logger,
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
    expect(() => createTidemark({ channels: { trades }, logger })).toThrow("duckdb(file)");
  });
});
