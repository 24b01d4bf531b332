/**
 * The suite that every history store passes. Call it from a test file with a way to make an empty
 * store. One store serves all tests, since a start may be slow: each uses channels of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Column } from "../protocol/column.ts";
import type { Row } from "../protocol/row.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { arrivals } from "./conformance-arrival.ts";
import { answers } from "./conformance-answers.ts";
import { byKey, storedRow } from "./conformance-model.ts";
import { retention } from "./conformance-retention.ts";
import { HOSTILE_NAMES } from "./conformance-values.ts";
import { World, type Step, type StoreUnderTest } from "./conformance-world.ts";
import type { PageQuery } from "./history.ts";

export type { StoreUnderTest } from "./conformance-world.ts";

export function historyConformance(name: string, store: StoreUnderTest): void {
  describe(`${name} as a history store`, { timeout: 60_000 }, () => {
    const world = new World(store);
    beforeAll(() => world.open(), 60_000);
    afterAll(() => world.close(), 60_000);
    durability(world);
    answers(world, store.queries ?? 100);
    spans(world);
    arrivals(world);
    retention(world);
    declarations(world);
  });
}

function durability(world: World): void {
  it("keeps rows, state, source positions, request ids and channels when it is opened again", async () => {
    const channel = await world.channel({ bounds: { rowsMax: 5 }, history: { keepMs: 5_000 } });
    const batch = world.batch(channel, [[{ upsert: "a" }], [{ upsert: "b" }, { remove: "a" }]], {
      sourcePositions: [
        ["one", "7"],
        ["two\0", "\ud800"],
      ],
      requestIds: ["r1", "r2"],
    });
    await world.writeBatch(batch);
    await world.writeBatch(
      world.batch(channel, [[]], { sourcePositions: [["one", "8"]], requestIds: ["r3"] }),
    );
    const state = await world.reopen();
    expect(state).toMatchObject({
      seq: world.seq,
      timeMs: world.seq * 10,
      sourcePositions: [
        ["one", "8"],
        ["two\0", "\ud800"],
      ],
      requestIds: ["r1", "r2", "r3"],
    });
    expect(state.channels).toEqual([{ channel, source: undefined }]);
    await world.expectPages(world.query(channel));
  });

  it("accepts a batch again without effect, and refuses one that continues elsewhere", async () => {
    const channel = await world.channel();
    const batch = world.batch(channel, [[{ upsert: "a" }], [{ upsert: "b" }]]);
    await world.writeBatch(batch);
    await world.store.write(batch);
    await world.expectPages(world.query(channel));
    await expect(world.store.write({ ...batch, seq: batch.seq + 1 })).rejects.toMatchObject({
      code: "HISTORY_IN_USE",
    });
    await expect(
      world.store.write({ ...batch, after: batch.seq + 5, seq: batch.seq + 6 }),
    ).rejects.toMatchObject({ code: "HISTORY_IN_USE" });
    const changes = await world.store.changes({
      channels: [channel.name],
      after: 0,
      through: world.seq,
      entriesMax: 10,
    });
    expect(changes.entries).toEqual(batch.entries);
  });
}

/** More entries than a store reads at once. */
const SCANNED = 21_000;

function spans(world: World): void {
  it("returns spans of the change log in its order, cut between seqs", async () => {
    const [one, two] = [await world.channel(), await world.channel()];
    const from = world.seq;
    await world.write(one, [{ upsert: "b" }, { upsert: "a" }], [{ remove: "b" }]);
    await world.write(two, [{ reload: true }, { upsert: "z" }, { upsert: "y" }, { upsert: "x" }]);
    await world.write(one, [{ upsert: "c" }]);
    const channels = [one.name, two.name];
    for (const entriesMax of [1, 2, 3, 4, 5, 100]) {
      for (let after = from; after <= world.seq; after++) {
        const found = await world.store.changes({
          channels,
          after,
          through: world.seq,
          entriesMax,
        });
        expect(found.entries).toEqual(world.model.changes(channels, after, found.seq));
        expect(found.seq).toBeGreaterThanOrEqual(Math.min(after + 1, world.seq));
      }
    }
    expect(
      await world.store.changes({
        channels: [one.name],
        after: from,
        through: from + 1,
        entriesMax: 9,
      }),
    ).toEqual({ entries: world.model.changes([one.name], from, from + 1), seq: from + 1 });
  });

  it("finds the seq of a time", async () => {
    const channel = await world.channel();
    const from = world.seq;
    await world.write(channel, [{ upsert: "a" }], [{ upsert: "b" }], [{ upsert: "a" }]);
    expect(await world.store.seqAt(-1)).toBe(0);
    expect(await world.store.seqAt(5)).toBe(0);
    expect(await world.store.seqAt((from + 2) * 10 - 1)).toBe(from + 1);
    expect(await world.store.seqAt((from + 2) * 10)).toBe(from + 2);
    expect(await world.store.seqAt((from + 99) * 10)).toBe(world.seq);
  });

  it("returns the rows that changed last, newest first, within its bounds", async () => {
    const channel = await world.channel();
    const all = { rowsMax: 100, bytesMax: 10_000, sinceMs: Number.NEGATIVE_INFINITY };
    expect(await world.store.newest(channel, all)).toEqual([]);
    await world.write(channel, [{ upsert: "lost" }], [{ reload: true }, { upsert: "a" }]);
    await world.write(channel, [{ upsert: "b" }, { upsert: "c" }], [{ upsert: "a" }]);
    await world.write(channel, [{ remove: "c" }], [{ upsert: "d" }]);
    const newest = world.model.newest(channel.name);
    expect(newest.map(({ key }) => key)).toEqual(["d", "a", "b"]);
    expect(await world.store.newest(channel, all)).toEqual(newest);
    expect(await world.store.newest(channel, { ...all, rowsMax: 2 })).toEqual(newest.slice(0, 2));
    expect(await world.store.newest(channel, { ...all, bytesMax: 20 })).toEqual(newest.slice(0, 2));
    const sinceMs = newest[1]?.timeMs ?? 0;
    expect(await world.store.newest(channel, { ...all, sinceMs })).toEqual(newest.slice(0, 2));
    for (let asOf = world.seq - 6; asOf <= world.seq; asOf++) {
      expect(await world.store.newest(channel, { ...all, asOf })).toEqual(
        world.model.newest(channel.name, asOf),
      );
    }
    const infinite = { rowsMax: Infinity, bytesMax: Infinity, sinceMs: 0 };
    expect(await world.store.newest(channel, infinite)).toEqual(newest);
    await world.write(channel, ...Array.from({ length: 12 }, () => [{ upsert: "d" }]));
    expect(await world.store.newest(channel, { ...all, rowsMax: 3 })).toEqual(
      world.model.newest(channel.name),
    );
  });

  it("scans each row once as of a seq, however many there are and whatever was written again", async () => {
    const channel = await world.channel();
    await world.expectScan(channel);
    const upserts = (count: number, step: number): Step[] =>
      Array.from({ length: count }, (_, index) => ({ upsert: `é${index * step}` }));
    await world.write(channel, [{ upsert: "lost" }], [{ reload: true }, ...upserts(SCANNED, 1)]);
    await world.write(channel, upserts(SCANNED / 20, 20), [{ remove: "é7" }, { remove: "none" }]);
    const asOf = world.seq;
    await world.expectScan(channel, asOf - 1);
    await world.expectScan(channel, asOf);
    // What is written after the first batch is not found.
    const scan = world.store.scan({ channel, asOf })[Symbol.asyncIterator]();
    let rows = 0;
    for (let batch = await scan.next(); batch.done !== true; batch = await scan.next()) {
      if (rows === 0) await world.write(channel, [{ upsert: "new" }, { remove: "é1" }]);
      rows += batch.value.length;
    }
    expect(rows).toBe(SCANNED - 1);
  });

  it("ends a scan that nobody goes on with, and one that is aborted", async () => {
    const channel = await world.channel();
    await world.write(channel, [{ upsert: "a" }, { upsert: "b" }]);
    const asOf = world.seq;
    for (let time = 0; time < 5; time++)
      for await (const rows of world.store.scan({ channel, asOf })) {
        expect(rows.length).toBeGreaterThan(0);
        break;
      }
    const aborted = world.store.scan({ channel, asOf }, AbortSignal.abort(new Error("gone")));
    await expect(aborted[Symbol.asyncIterator]().next()).rejects.toThrow("gone");
    await world.reopen();
    await world.expectScan(channel);
  });

  it("tells how much it holds of a channel", async () => {
    const channel = await world.channel();
    expect(await world.store.span(channel.name)).toMatchObject({ rows: 0, bytes: 0, fromSeq: 0 });
    await world.write(channel, [{ upsert: "a" }], [{ upsert: "é" }, { remove: "a" }]);
    const bytes = Buffer.byteLength('{"id":"a"}{"id":"é"}');
    expect(await world.store.span(channel.name)).toMatchObject({ rows: 2, bytes, fromSeq: 0 });
  });
}

function declarations(world: World): void {
  it("fills new columns from the stored rows, and refuses another key", async () => {
    const channel = await world.channel({ columns: [{ name: "id", type: "text" }] });
    await world.write(
      channel,
      [{ upsert: "a", row: { id: "a", n: "10", "a b": "é" } }, { remove: "x" }],
      [{ upsert: "b", row: { id: "b", n: "9", "a b": "\ud800" } }, { upsert: "c" }],
    );
    const columns: readonly Column[] = [
      { name: "n", type: "numeric" },
      { name: "id", type: "text" },
      { name: "a b", type: "text" },
    ];
    const wider = { ...channel, columns };
    await world.store.declare({ channel: wider, source: "s" });
    const byNumber = { column: "n", direction: "asc", nulls: "first" } as const;
    const queries: readonly Partial<PageQuery>[] = [
      { orderBy: [byNumber], limit: 1 },
      { where: { column: "a b", gte: "z" } },
    ];
    for (const query of queries) await world.expectPages(world.query(wider, query));
    const retyped = {
      ...wider,
      columns: columns.map(({ name, type }): Column => ({
        name,
        type: name === "n" ? "text" : type,
      })),
    };
    await world.store.declare({ channel: retyped, source: "s" });
    for (const query of queries) await world.expectPages(world.query(retyped, query));
    await world.write(retyped, [{ upsert: "d", row: { id: "d", n: "95", "a b": "ü" } }]);
    const { channels } = await world.reopen();
    expect(channels).toContainEqual({ channel: retyped, source: "s" });
    for (const query of queries) await world.expectPages(world.query(retyped, query));
    await expect(
      world.store.declare({ channel: { ...retyped, key: ["n"] }, source: "s" }),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  it("keeps channels, columns, keys and values apart, whatever their names", async () => {
    const columns = HOSTILE_NAMES.map((name): Column => ({ name, type: "text" }));
    const channels: ChannelDeclaration[] = [];
    for (const name of HOSTILE_NAMES) channels.push(await world.channel({ name, columns }));
    const steps = HOSTILE_NAMES.map((key, index) => ({
      upsert: key,
      row: Object.fromEntries(
        HOSTILE_NAMES.map((name, at) => [name, HOSTILE_NAMES[(at + index) % HOSTILE_NAMES.length]]),
      ) as Row,
    }));
    const first = world.seq;
    for (const channel of channels.slice(0, 4)) await world.write(channel, steps);
    for (const [index, channel] of channels.slice(4).entries()) {
      await world.write(channel, [steps[index] as Step]);
    }
    await world.reopen();
    for (const channel of channels) await world.expectPages(world.query(channel));
    const [channel] = channels as [ChannelDeclaration];
    for (const [index, column] of HOSTILE_NAMES.entries()) {
      const value = HOSTILE_NAMES[(index * 7) % HOSTILE_NAMES.length] as string;
      await world.expectPages(
        world.query(channel, {
          where: {
            or: [
              { column, eq: value },
              { column, gt: value },
            ],
          },
          orderBy: [{ column, direction: "desc", nulls: "last" }],
          limit: 10,
        }),
      );
    }
    const { entries } = await world.store.changes({
      channels: HOSTILE_NAMES,
      after: first,
      through: world.seq,
      entriesMax: 1_000,
    });
    expect(entries).toEqual(world.model.changes(HOSTILE_NAMES, first, world.seq));
    const stored = await world.store.page(world.query(channel));
    expect(stored.rows.toSorted(byKey)).toEqual(
      world.model.rowsAsOf(channel.name, world.seq).map(storedRow).toSorted(byKey),
    );
  });
}
