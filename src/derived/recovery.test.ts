/** Derived tables that have failed, and how they are there again. */
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { ScriptedStore } from "../history/scripted-store.ts";
import { declareChannel } from "../log/channel.ts";
import type { ChannelChange } from "../log/log.ts";
import { channel } from "../server/channel.ts";
import { derivationsOf } from "../server/derivations.ts";
import { createTidemark } from "../server/tidemark.ts";
import { Replica } from "../table/replica.ts";
import { count, sum } from "./aggregate.ts";
import { derived } from "./derived.ts";

/** Without declared columns, so that a size may be a text, which has no sum. */
interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly size: number | string;
}

const columns = { trades: count(), total: sum("size") } as const;
const bySymbol = { groupBy: { symbol: "symbol" }, columns } as const;
const trade = (number: number, size: number | string = number): Trade => ({
  id: `t${number}`,
  symbol: number % 2 === 0 ? "even" : "odd",
  size,
});

describe("a table over a stream that has failed", () => {
  const trades = channel<Trade>({
    key: "id",
    bounds: { rowsMax: 3 },
    history: { appendOnly: true, maxDelayMs: 1 },
  });
  const totals = derived({ from: { trades }, over: "stream", ...bySymbol });
  const counts = derived({
    from: { trades },
    over: "stream",
    groupBy: { symbol: "symbol" },
    columns: { trades: count() },
  });
  const channels = { trades, totals, counts };

  async function start(store: ScriptedStore) {
    const tidemark = createTidemark({
      channels,
      history: store,
      logger: pino({ level: "silent" }),
    });
    onTestFinished(() => tidemark.stop());
    await tidemark.start();
    const stateOf = (name: string): string => {
      const states = tidemark.stats()["channels"] as readonly {
        readonly channel: string;
        readonly status: string;
        readonly reason?: string;
      }[];
      const { status, reason } = states.find(({ channel: of }) => of === name) ?? {};
      return `${status}${reason === undefined ? "" : `: ${reason}`}`;
    };
    const write = (...rows: readonly Trade[]) => tidemark.channel("trades").upsert(rows);
    return { tidemark, stateOf, write };
  }

  it("counts again from history when the row is gone, what came meanwhile included", async () => {
    const store = new ScriptedStore();
    const { tidemark, stateOf, write } = await start(store);
    for (let number = 0; number < 8; number++) await tidemark.durable(await write(trade(number)));
    await expect.poll(() => tidemark.channel("trades").size).toBe(3);
    await write(trade(9, "nine"));
    await expect.poll(() => stateOf("totals")).toContain("stale: a change could not be applied");
    expect(stateOf("counts")).toBe("live");
    // Evicted while the table is stale, and while it is computed.
    await write(trade(8));
    await tidemark.channel("trades").remove("t9");
    await tidemark.durable(await write(trade(10)));
    await expect.poll(() => stateOf("totals")).toBe("live");
    await write(trade(12));
    await expect
      .poll(() => tidemark.channel("totals").get("even"))
      .toEqual({ symbol: "even", trades: 7, total: 42 });
    expect(tidemark.channel("totals").get("odd")).toEqual({ symbol: "odd", trades: 4, total: 16 });
    expect(tidemark.channel("counts").get("odd")).toEqual({ symbol: "odd", trades: 4 });
  });

  it("stops no server from starting, and is there again when its source is without the row", async () => {
    const store = new ScriptedStore();
    const before = await start(store);
    let seq = 0;
    for (const row of [trade(1, "one"), ...[2, 3, 4, 5, 6].map((number) => trade(number))])
      seq = await before.write(row);
    await before.tidemark.durable(seq);
    await before.tidemark.stop();
    const { tidemark, stateOf, write } = await start(store);
    await write(trade(7));
    await expect.poll(() => stateOf("totals")).toContain('"one" in column "size" is no number');
    await expect
      .poll(() => tidemark.channel("counts").get("odd"))
      .toEqual({ symbol: "odd", trades: 4 });
    expect(stateOf("counts")).toBe("live");
    await tidemark.channel("trades").remove("t1");
    await expect.poll(() => stateOf("totals"), { timeout: 15_000 }).toBe("live");
    expect(tidemark.channel("totals").get("odd")).toEqual({ symbol: "odd", trades: 3, total: 15 });
    expect(tidemark.channel("totals").get("even")).toEqual({
      symbol: "even",
      trades: 3,
      total: 12,
    });
  });
});

describe("a table without history that has failed", () => {
  const trades = channel<Trade>({ key: "id" });
  const streamed = derived({ from: { trades }, over: "stream", ...bySymbol });
  const windowed = derived({ from: { trades }, over: "window", ...bySymbol });
  const few = derived({
    from: { trades },
    over: "window",
    groupBy: { id: "id" },
    columns: { trades: count() },
    groupsMax: 3,
  });
  const derivedTables = { streamed, windowed, few };
  const declared = declareChannel({ name: "trades", key: ["id"], columns: [] });

  function world() {
    const derivations = derivationsOf({ trades, ...derivedTables });
    const replica = new Replica({}, { derivations });
    replica.begin("e");
    let seq = 0;
    const commit = (timeMs: number, change: Partial<ChannelChange>): void => {
      seq++;
      const changes = [{ channel: "trades", upserts: [], removes: [], ...change }];
      replica.apply({ seq, timeMs, changes, ...(seq === 1 && { declares: [declared] }) });
    };
    const rows = (...list: readonly Trade[]) =>
      list.map((row) => ({ key: row.id, row: { ...row } }));
    const stateOf = (name: string) => replica.stateOf(name)?.status;
    const totalOf = (name: string) => replica.table(name)?.rows.get("odd")?.row["total"];
    return { commit, rows, stateOf, totalOf, replica };
  }

  it("begins anew when its source is loaded anew", () => {
    const { commit, rows, stateOf, totalOf } = world();
    commit(1, { upserts: rows(trade(1), trade(3)) });
    commit(2, { upserts: rows(trade(5, "five")) });
    for (const name of ["streamed", "windowed"]) expect(stateOf(name)).toBe("stale");
    commit(3, { reload: true, upserts: rows(trade(3), trade(7)) });
    for (const name of ["streamed", "windowed"]) {
      expect(stateOf(name)).toBe("live");
      expect(totalOf(name)).toBe(10);
    }
  });

  it("over a window is there again with a later change, once nothing stops it", () => {
    const { commit, rows, stateOf, totalOf, replica } = world();
    commit(1, { upserts: rows(trade(1), trade(3), trade(5)) });
    commit(2, { upserts: rows(trade(7, "seven")) });
    for (const name of ["windowed", "few"]) expect(stateOf(name)).toBe("stale");
    // It is tried after a second, and fails again; then after two.
    commit(1_002, { upserts: rows(trade(3, 4)) });
    expect(stateOf("windowed")).toBe("stale");
    commit(1_003, { removes: ["t7"] });
    commit(3_001, { upserts: rows(trade(3, 5)) });
    expect(stateOf("windowed")).toBe("stale");
    commit(3_002, { upserts: rows(trade(3, 6)) });
    for (const name of ["windowed", "few"]) expect(stateOf(name)).toBe("live");
    expect(totalOf("windowed")).toBe(12);
    expect(replica.table("few")?.rows.size).toBe(3);
    // What evicted rows counted for would be lost.
    expect(stateOf("streamed")).toBe("stale");
  });

  it("is declared, and says so, when it fails with the first rows", () => {
    const { commit, rows, stateOf } = world();
    commit(1, { upserts: rows(trade(1, "one")) });
    for (const name of ["streamed", "windowed"]) expect(stateOf(name)).toBe("stale");
    expect(stateOf("few")).toBe("live");
  });
});
