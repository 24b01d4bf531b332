/**
 * The sources' context, and channels that are declared and dropped while the server runs.
 */
import { afterEach, describe, expect, it } from "vitest";
import { ScriptedSource, ScriptedTable } from "../../test/support/scripted-source.ts";
import { startTrades as start, stopAll, trade } from "../../test/support/trades-server.ts";
import type { SourceContext, Source, WatchedView } from "../index.ts";
import { systemClock } from "../std/clock.ts";
import { systemRandom } from "../std/random.ts";
import { declareChannel } from "../log/channel.ts";
import { MemoryLog } from "../log/memory.ts";

afterEach(stopAll);

/** A source that the test controls. */
function puppet(name = "puppet") {
  let context: SourceContext | undefined;
  const source: Source = {
    name,
    start: (given) => {
      context = given;
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  };
  return {
    source,
    get context(): SourceContext {
      return context as SourceContext;
    },
  };
}

const declaration = (name: string, columns: readonly string[] = ["id", "kind"]) =>
  declareChannel({
    name,
    key: ["id"],
    columns: columns.map((column) => ({ name: column, type: "text" as const })),
  });
const upsert = (channel: string, ...rows: readonly { id: string }[]) => ({
  channel,
  upserts: rows.map((row) => ({ key: row.id, row })),
  removes: [],
});

describe("interest", () => {
  it("has the watched views, with the values of their equality terms, and changes with the subscribers", async () => {
    const scripted = puppet();
    const server = await start({ sources: [scripted.source] });
    const { context } = scripted;
    await context.append({
      changes: [],
      declares: [declaration("items")],
      status: [{ status: { status: "live" } }],
    });
    const told: (readonly WatchedView[])[] = [];
    context.interest.onChange(() => told.push(context.interest.views));
    expect(context.interest.views).toEqual([]);
    const [first, second] = [server.connect(), server.connect()];
    for (const client of [first, second]) {
      await client.open();
      client.send({
        op: "SUBSCRIBE",
        subscriptions: [
          {
            channel: "items",
            where: {
              and: [
                { column: "kind", in: ["a", "b"] },
                { column: "id", ne: "x" },
              ],
            },
          },
        ],
      });
      await client.next({ type: "SUBSCRIBED" });
    }
    first.send({ op: "SUBSCRIBE", subscriptions: ["items", "trades"] });
    await first.next({ type: "SUBSCRIBED", index: 1 });
    await expect
      .poll(() => context.interest.views.map(({ equals }) => equals))
      .toEqual([{ kind: ["a", "b"] }, {}]);
    expect(
      context.interest.views.map(({ channel, query }) => [channel, query.where === undefined]),
    ).toEqual([
      ["items", false],
      ["items", true],
    ]);
    first.close();
    await expect
      .poll(() => context.interest.views.map(({ equals }) => equals))
      .toEqual([{ kind: ["a", "b"] }]);
    second.close();
    await expect.poll(() => context.interest.views).toEqual([]);
    await expect.poll(() => told.at(-1)).toEqual([]);
    // Views of other channels, and second subscribers, are no changes.
    expect(told.length).toBeLessThanOrEqual(4);
  });

  it("lets a source stop its reads and timers while no view is watched", async () => {
    const table = new ScriptedTable();
    table.set({ a: "1" });
    const source = new ScriptedSource(table, { isPausing: true });
    const server = await start({ sources: [source] });
    const { looks } = source;
    await new Promise<void>((resolve) => systemClock.after(60, resolve));
    expect(source.looks).toBe(looks);
    const client = server.connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", subscriptions: ["items"] });
    table.set({ a: "2" });
    await client.next({
      type: "DELTA_BATCH",
      digest: undefined,
      patch: { upsert: [{ id: "a", value: "2" }], remove: [] },
    });
    client.close();
    await expect.poll(() => server.tidemark.stats()["subscriptions"]).toBe(0);
    // One read may have been under way.
    await expect
      .poll(async () => {
        const before = source.looks;
        await new Promise<void>((resolve) => systemClock.after(30, resolve));
        return source.looks - before;
      })
      .toBe(0);
  });
});

describe("durable", () => {
  it("resolves at once where there is no history store", async () => {
    const scripted = puppet();
    await start({ sources: [scripted.source] });
    await scripted.context.durable(1_000_000);
  });
});

describe("a channel that is declared while the server runs", () => {
  it("can be subscribed to from then on, and can't be declared by another source", async () => {
    const [scripted, other] = [puppet(), puppet("other")];
    const server = await start({ sources: [scripted.source, other.source] });
    const client = server.connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", id: 1, subscriptions: ["late"] });
    expect(await client.next({ op: "ERROR", id: 1 })).toMatchObject({ code: "UNKNOWN_CHANNEL" });
    const seq = await scripted.context.append({
      declares: [declaration("late")],
      changes: [upsert("late", { id: "1" })],
      status: [{ status: { status: "live" } }],
    });
    await expect.poll(() => server.tidemark.stats()["seq"]).toBeGreaterThanOrEqual(seq);
    client.send({ op: "SUBSCRIBE", id: 2, subscriptions: ["late"] });
    expect((await client.next({ type: "SNAPSHOT", channel: "late" }))["rows"]).toEqual([
      { id: "1" },
    ]);
    await expect(
      other.context.append({ declares: [declaration("late")], changes: [] }),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(
      other.context.append({ declares: [declaration("trades")], changes: [] }),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  it("begins anew for its subscribers when its declaration changes, and ends when it is dropped; other channels continue", async () => {
    const scripted = puppet();
    const server = await start({ sources: [scripted.source] });
    await scripted.context.append({
      declares: [declaration("items")],
      changes: [upsert("items", { id: "1" })],
      status: [{ status: { status: "live" } }],
    });
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await expect.poll(() => server.tidemark.stats()["seq"]).toBe(3);
    const [watching, elsewhere] = [server.connect(), server.connect()];
    await watching.open();
    await elsewhere.open();
    watching.send({ op: "SUBSCRIBE", subscriptions: ["items", "trades"] });
    elsewhere.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    await elsewhere.next({ type: "WATERMARK", seq: 3 });
    const { epoch } = await watching.next({ type: "SUBSCRIBED", index: 1 });
    await scripted.context.append({
      declares: [declaration("items", ["id", "kind", "more"])],
      changes: [upsert("items", { id: "2" })],
    });
    expect(await watching.next({ op: "INVALID_SESSION" })).toMatchObject({ reason: "epoch" });
    let from = watching.frameCount;
    watching.send({
      op: "IDENTIFY",
      subscriptions: [
        { channel: "items", cursor: { epoch, view: "items", seq: 3 } },
        { channel: "trades", cursor: { epoch, view: "trades", seq: 3 } },
      ],
    });
    expect(await watching.next({ type: "SUBSCRIBED", channel: "items" }, from)).toMatchObject({
      mode: "snapshot",
    });
    expect((await watching.next({ type: "SNAPSHOT", channel: "items" }, from))["rows"]).toEqual([
      { id: "2" },
    ]);
    expect(await watching.next({ type: "SUBSCRIBED", channel: "trades" }, from)).toMatchObject({
      mode: "delta",
      from_seq: 3,
    });
    await watching.next({ type: "WATERMARK" }, from);
    from = watching.frameCount;
    await scripted.context.append({ drops: ["items"], changes: [] });
    await watching.next({ op: "INVALID_SESSION" }, from);
    watching.send({ op: "IDENTIFY", subscriptions: ["items", "trades"] });
    expect(await watching.next({ op: "ERROR", index: 0 }, from)).toMatchObject({
      code: "UNKNOWN_CHANNEL",
    });
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 2));
    await elsewhere.next({ type: "DELTA_BATCH", seq: 6 });
    expect(elsewhere.frames.some(({ op }) => op === "INVALID_SESSION")).toBe(false);
  });
});

describe("a log that is passed", () => {
  it("has readers beside the server, which get every commit, and is not closed by the server", async () => {
    const log = new MemoryLog({ clock: systemClock, random: systemRandom });
    const history = await log.open(0);
    const server = await start({ log });
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    expect(
      history
        .read(10)
        .map(({ declares = [], changes }) => [
          declares.map(({ name }) => name),
          changes.map(({ channel }) => channel),
        ]),
    ).toEqual([
      [["trades", "notes"], []],
      [[], ["trades"]],
    ]);
    await server.tidemark.stop();
    expect(await log.append({ changes: [] })).toBe(3);
    // Another server over the same log reads it, and has the same rows.
    const again = await start({ log });
    await expect
      .poll(() => again.tidemark.channel("trades").get("a"))
      .toEqual(trade("a", "BTC", 1));
  });
});
