/** A live query that goes on into history, against a server that writes at full speed. */
import { describe, expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { systemClock } from "../std/clock.ts";
import { seededRandom } from "../std/random.ts";
import type { Where } from "../protocol/user-query.ts";
import { createClient, immediately } from "../client/node.ts";
import { ScriptedStore } from "../history/scripted-store.ts";
import { channel } from "./channel.ts";
import type { Policy } from "./policies.ts";
import { createTidemark } from "./tidemark.ts";

interface Trade {
  id: string;
  price: number;
  side: string;
}

type Client = ReturnType<typeof createClient>;
type View = ReturnType<Client["live"]>;

async function start(appendOnly = false, clock = systemClock, policy: Policy = () => "all") {
  const tidemark = createTidemark({
    clock,
    history: new ScriptedStore(),
    channels: {
      trades: channel<Trade>({
        key: "id",
        columns: { id: "text", price: "integer", side: "text" },
        bounds: { rowsMax: 25 },
        history: { maxDelayMs: 5, appendOnly },
        policy,
      }),
    },
    logger: pino({ level: "silent" }),
  });
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient({ url: `${url}/v2/stream`, pacing: immediately });
  onTestFinished(async () => {
    client.close();
    await tidemark.stop();
  });
  /** Every commit: rows by key, or undefined for a removed one. */
  const commits: { readonly seq: number; readonly rows: ReadonlyMap<string, Trade | undefined> }[] =
    [];
  const trades = tidemark.channel("trades");
  const upsert = async (rows: readonly Trade[]): Promise<void> => {
    const seq = await trades.upsert(rows);
    commits.push({ seq, rows: new Map(rows.map((row) => [row.id, row])) });
  };
  const remove = async (key: string): Promise<void> => {
    commits.push({ seq: await trades.remove(key), rows: new Map([[key, undefined]]) });
  };
  /** All rows that match as of a seq, in order. */
  const rowsAsOf = (seq: number): readonly Trade[] => {
    const rows = new Map<string, Trade>();
    for (const commit of commits) {
      if (commit.seq > seq) break;
      for (const [key, row] of commit.rows) {
        if (row === undefined) rows.delete(key);
        else rows.set(key, row);
      }
    }
    return [...rows.values()]
      .filter(({ side }) => side === "buy")
      .sort((left, right) => right.price - left.price || (left.id < right.id ? -1 : 1));
  };
  return { client, tidemark, upsert, remove, rowsAsOf, commits };
}

const QUERY = {
  channel: "trades",
  where: { column: "side", eq: "buy" },
  orderBy: [{ column: "price", direction: "desc" }],
  limit: 10,
  history: true,
} as const;

/** The rows are the beginning of the whole result as of the view's seq. */
function check(view: View, rowsAsOf: (seq: number) => readonly Trade[]): number {
  const { history, rows, seq, status } = view.getSnapshot();
  if (status !== "live" && status !== "catching_up") return 0;
  const all = rowsAsOf(seq);
  expect(rows).toEqual(all.slice(0, rows.length));
  if (history?.hasMore === false) expect(rows).toHaveLength(all.length);
  return 1;
}

describe("a live query with history", () => {
  it("is the beginning of the whole result at every commit, while rows come, change, leave and are stored", async () => {
    const { client, upsert, remove, rowsAsOf } = await start();
    const random = seededRandom(7);
    const between = (low: number, high: number): number =>
      low + Math.floor(random.next() * (high - low + 1));
    const trade = (id: number): Trade => ({
      id: `t${String(id).padStart(4, "0")}`,
      price: between(1, 1_000),
      side: between(0, 3) > 0 ? "buy" : "sell",
    });
    for (let id = 0; id < 120; id += 4) await upsert([0, 1, 2, 3].map((at) => trade(id + at)));
    const view = client.live(QUERY);
    let checks = 0;
    const failures: unknown[] = [];
    const listen = (): void => {
      try {
        checks += check(view, rowsAsOf);
      } catch (error) {
        failures.push(error);
      }
    };
    onTestFinished(view.subscribe(listen));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    expect(view.getSnapshot().rows).toHaveLength(10);
    let newest = 120;
    for (let round = 0; round < 400; round++) {
      const dice = between(0, 9);
      if (dice < 5) await upsert([trade(newest++)]);
      else if (dice < 8) await upsert([trade(between(0, newest - 1))]);
      else await remove(trade(between(0, newest - 1)).id);
      if (round % 10 === 0) view.getSnapshot().history?.loadMore();
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(failures).toEqual([]);
    for (;;) {
      await expect.poll(() => view.getSnapshot().history?.isLoading).toBe(false);
      if (view.getSnapshot().history?.hasMore !== true) break;
      view.getSnapshot().history?.loadMore();
    }
    expect(failures).toEqual([]);
    expect(view.getSnapshot().rows.length).toBeGreaterThan(25);
    expect(checks).toBeGreaterThan(20);
  });

  it("shows the rows in the order of their keys where the query has none", async () => {
    const { client, upsert } = await start();
    const trade = (id: string): Trade => ({ id, price: 1, side: "buy" });
    await upsert(["d", "b"].map(trade));
    const view = client.live({ channel: "trades", limit: 10, history: true });
    onTestFinished(view.subscribe(() => {}));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    await upsert(["c", "a"].map(trade));
    await expect.poll(() => view.getSnapshot().keys).toEqual(["a", "b", "c", "d"]);
  });

  it("stands still while it is paused, loads further rows as of then, and goes on", async () => {
    const { client, upsert, rowsAsOf } = await start(true);
    const trade = (id: number): Trade => ({ id: `t${id}`, price: id, side: "buy" });
    for (let id = 1; id <= 60; id++) await upsert([trade(id)]);
    const view = client.live(QUERY);
    onTestFinished(view.subscribe(() => {}));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    view.getSnapshot().history?.pause();
    const { pausedAt = 0 } = view.getSnapshot().history ?? {};
    expect(view.getSnapshot()).toMatchObject({ status: "stale", reason: "paused" });
    for (let id = 61; id <= 80; id++) await upsert([trade(id)]);
    view.getSnapshot().history?.loadMore();
    await expect.poll(() => view.getSnapshot().rows.length).toBe(20);
    expect(view.getSnapshot().rows).toEqual(rowsAsOf(pausedAt).slice(0, 20));
    view.getSnapshot().history?.resume();
    await expect.poll(() => view.getSnapshot().rows[0]).toEqual(trade(80));
    await upsert([trade(81)]);
    await expect.poll(() => view.getSnapshot().rows[0]).toEqual(trade(81));
    expect(view.getSnapshot()).toMatchObject({ status: "live", history: { pausedAt: undefined } });
  });

  it("keeps no more rows than its bound, and begins anew when the server has begun anew", async () => {
    const { tidemark, upsert, rowsAsOf } = await start(true);
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({
      url: `${url}/v2/stream`,
      pacing: immediately,
      limits: { historyRowsMax: 15 },
    });
    onTestFinished(() => client.close());
    const trade = (id: number): Trade => ({ id: `t${id}`, price: id, side: "buy" });
    for (let id = 1; id <= 60; id++) await upsert([trade(id)]);
    const view = client.live(QUERY);
    onTestFinished(view.subscribe(() => {}));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    for (let id = 61; id <= 90; id++) await upsert([trade(id)]);
    await expect.poll(() => view.getSnapshot().rows[0]).toEqual(trade(90));
    await expect.poll(() => check(view, rowsAsOf)).toBe(1);
    expect(view.getSnapshot()).toMatchObject({ history: { isFull: true, hasMore: true } });
    expect(view.getSnapshot().rows).toHaveLength(15);
    tidemark.revoke(undefined);
    await expect.poll(() => view.getSnapshot().rows.length).toBe(10);
    await expect.poll(() => check(view, rowsAsOf)).toBe(1);
  });

  it("drops rows outside the live table that the caller may no longer see, or that are removed", async () => {
    const policy = (): Where => ({ column: "side", eq: "buy" });
    const { client, upsert, remove, rowsAsOf } = await start(false, systemClock, policy);
    const trade = (id: number, side = "buy"): Trade => ({ id: `t${id}`, price: id, side });
    for (let id = 1; id <= 60; id++) await upsert([trade(id)]);
    const { where: _where, ...query } = QUERY;
    const view = client.live({ ...query, limit: 40 });
    onTestFinished(view.subscribe(() => {}));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    view.getSnapshot().history?.loadMore();
    await expect.poll(() => view.getSnapshot().rows.length).toBe(60);
    for (const id of [5, 25]) await upsert([trade(id, "sell")]);
    for (const id of [6, 26]) await remove(`t${id}`);
    await expect.poll(() => view.getSnapshot().rows.length).toBe(56);
    expect(check(view, rowsAsOf)).toBe(1);
  });

  it("refuses a channel without history, and collections that keep rows themselves", async () => {
    const { client } = await start();
    expect(() => client.live(QUERY).subscribeChanges(() => {})).toThrow(
      "takes no query with history",
    );
    const view = client.live({ ...QUERY, channel: "nothing" });
    onTestFinished(view.subscribe(() => {}));
    await expect
      .poll(() => view.getSnapshot())
      .toMatchObject({
        status: "refused",
        error: { code: "UNKNOWN_CHANNEL" },
      });
  });

  it("answers any query as of a seq or a time: views, fetch and history, with all pages", async () => {
    let nowMs = Date.parse("2026-01-31T12:00:00Z");
    const clock = { ...systemClock, now: () => nowMs };
    const { client, tidemark, upsert, remove, rowsAsOf, commits } = await start(false, clock);
    const times: number[] = [];
    const minutes = async (place: () => Promise<void>): Promise<void> => {
      nowMs += 60_000;
      times.push(nowMs);
      await place();
    };
    const trade = (id: number, price: number): Trade => ({ id: `t${id}`, price, side: "buy" });
    await minutes(() => upsert(Array.from({ length: 60 }, (_, id) => trade(id, id))));
    await minutes(() => upsert([trade(3, 500), trade(7, 400)]));
    await minutes(() => remove("t3"));
    await minutes(() => upsert([trade(3, 1), trade(70, 70)]));
    await tidemark.durable(commits.at(-1)?.seq ?? 0);
    const { limit: _limit, history: _history, ...whole } = QUERY;
    for (const [place, { seq }] of commits.entries()) {
      // A time between two commits is that of the earlier one.
      const then = new Date((times[place] ?? 0) + 30_000);
      for (const asOf of [seq, then, then.toISOString()]) {
        const expected = rowsAsOf(seq);
        expect(await client.fetch({ ...whole, asOf })).toMatchObject({ rows: expected });
        const few = await client.fetch({ ...whole, limit: 12, asOf });
        expect(few.rows).toEqual(expected.slice(0, 12));
        const page = await client.history({ ...whole, limit: 12, asOf });
        expect(page.rows).toEqual(expected.slice(0, 12));
        const view = client.live({ ...whole, limit: 40, asOf });
        const stop = view.subscribe(() => {});
        await expect.poll(() => view.getSnapshot().status).toBe("stale");
        view.getSnapshot().history?.loadMore();
        await expect.poll(() => view.getSnapshot().history?.hasMore).toBe(false);
        expect(view.getSnapshot()).toMatchObject({ rows: expected });
        stop();
      }
    }
    const nowhere = client.live({ ...whole, asOf: "yesterday" });
    onTestFinished(nowhere.subscribe(() => {}));
    await expect.poll(() => nowhere.getSnapshot().status).toBe("refused");
    expect(nowhere.getSnapshot().error?.message).toContain("asOf is yesterday");
    const never = client.history({ ...whole, asOf: new Date("never") });
    await expect(never).rejects.toMatchObject({ code: "BAD_QUERY" });
    await expect(client.fetch({ ...whole, asOf: -1 })).rejects.toMatchObject({ code: "BAD_QUERY" });
  });
});
