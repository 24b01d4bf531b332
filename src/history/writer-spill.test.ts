/** What the history writer does while its store is slow or down: its spill, and its bounds. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { driven, ids, keysIn, serverWith, until } from "../../test/support/driven-server.ts";
import { ScriptedStore } from "./scripted-store.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-history-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the history writer over a store that is slow or down", () => {
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
});
