import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { ChannelHistory } from "../log/limits.ts";
import type { ChannelChange } from "../log/log.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import type { FeedView } from "./feed-view.ts";
import type { ViewLimits } from "./limits.ts";
import type { ReadRows } from "./outside-rows.ts";
import { Replica } from "./replica.ts";

const tableOf = (history: Partial<ChannelHistory>) =>
  declareChannel({
    name: "t",
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "price", type: "integer" },
      { name: "team", type: "text" },
    ],
    bounds: { rowsMax: 3 },
    history,
  });

const id = fc.constantFrom(..."abcdefgh");
const row = fc.record(
  { id, price: fc.nat(4), team: fc.constantFrom("red", "blue") },
  { noNullPrototype: true },
);
const change = fc
  .record({
    upserts: fc.uniqueArray(row, { maxLength: 3, selector: (each) => each.id }),
    removes: fc.uniqueArray(id, { maxLength: 2 }),
  })
  .map(({ upserts, removes }): ChannelChange => ({
    channel: "t",
    upserts: upserts.map((each) => ({ key: each.id, row: each })),
    removes: removes.filter((key) => !upserts.some((each) => each.id === key)),
  }));
const price: fc.Arbitrary<WireWhere> = fc
  .nat(4)
  .map((value) => ({ column: "price", gte: value }) as const);

const RED = { column: "team", eq: "red" } as const;

/** A table that evicts, its feed, and all rows that there are. */
function begin(
  { where, policy }: { readonly where: WireWhere; readonly policy: WireWhere },
  limits: Partial<ViewLimits> = {},
) {
  const declaration = tableOf({});
  const replica = new Replica(limits);
  replica.begin("e");
  replica.apply({ seq: 1, timeMs: 0, changes: [], declares: [declaration] });
  const open = (): FeedView =>
    replica.acquire({ channel: "t", where, history: true }, policy) as FeedView;
  const matches = compileWhere({ and: [where, policy] }, whereContextOf(declaration));
  const all = new Map<string, Row>();
  const commit = (each: ChannelChange): void => {
    const seq = replica.seq + 1;
    replica.apply({ seq, timeMs: seq, changes: [each], durableSeq: seq - 1 });
    for (const key of each.removes) all.delete(key);
    for (const upsert of each.upserts) all.set(upsert.key, upsert.row);
  };
  const wanted = (): readonly (readonly [string, Row])[] =>
    [...all].filter(([, value]) => matches(value));
  return { commit, open, replica, wanted };
}

/** Reads all rows as of one seq, gets them later, and follows the feed from that seq on. */
function readingClient({ open, replica, wanted }: ReturnType<typeof begin>) {
  const rows = new Map<string, Row>();
  let view: FeedView | undefined;
  let cursor: number | undefined;
  let reading: Promise<ReadRows | undefined> | undefined;
  let answer = (): void => {};
  const client = {
    again: 0,
    lost: 0,
    checks: 0,
    beginRead(): void {
      const found = wanted();
      const page = { completeThrough: replica.seq, rows: found.map(([key]) => ({ key })) };
      rows.clear();
      for (const [key, value] of found) rows.set(key, value);
      view ??= open();
      reading = view.serve(() => new Promise((resolve) => (answer = () => resolve(page))));
    },
    async endRead(): Promise<void> {
      answer();
      const page = await reading;
      cursor = page?.completeThrough;
      if (page !== undefined) return;
      client.again++;
      client.beginRead();
      await client.endRead();
    },
    /** The rows equal the query's answer. Where the feed has lost its place, they are of no use. */
    follow(): void {
      if (view === undefined || cursor === undefined) return;
      const since = view.changesSince(cursor);
      if (since === undefined) client.lost++;
      cursor = since && replica.seq;
      for (const { key } of since?.removes ?? []) rows.delete(key);
      for (const { key, json } of since?.upserts ?? []) rows.set(key, JSON.parse(json) as Row);
      if (since === undefined) return;
      client.checks++;
      expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(wanted()));
    },
  };
  return client;
}

/** Gives a client what changed since its cursor, every few commits. */
function follow(
  changes: readonly ChannelChange[],
  options: { readonly where: WireWhere; readonly policy?: WireWhere; readonly every: number },
  history: Partial<ChannelHistory> = {},
) {
  const declaration = tableOf(history);
  const replica = new Replica();
  replica.begin("e");
  replica.apply({ seq: 1, timeMs: 0, changes: [], declares: [declaration] });
  const query = { channel: "t", where: options.where, history: true };
  const view = replica.acquire(query, options.policy);
  const matches = compileWhere(
    { and: [options.where, ...(options.policy === undefined ? [] : [options.policy])] },
    whereContextOf(declaration),
  );
  const all = new Map<string, Row>();
  const client = new Map<string, Row>();
  const told = new Set<string>();
  const checks: { readonly client: object; readonly wanted: object }[] = [];
  let cursor = 1;
  changes.forEach((each, at) => {
    replica.apply({ seq: at + 2, timeMs: at, changes: [each], durableSeq: at + 1 });
    while (!replica.follow(() => false)) continue;
    for (const key of each.removes) all.delete(key);
    for (const upsert of each.upserts) all.set(upsert.key, upsert.row);
    if (at % options.every !== 0) return;
    const since = view.changesSince(cursor);
    cursor = replica.seq;
    const wanted = [...all].filter(([, value]) => matches(value));
    // A row came and was evicted since the cursor: the client loads its rows anew.
    if (since === undefined) {
      client.clear();
      for (const [key, value] of wanted) client.set(key, value);
      return;
    }
    for (const { key } of since.removes) {
      client.delete(key);
      told.add(key);
    }
    for (const { key, json } of since.upserts) client.set(key, JSON.parse(json) as Row);
    checks.push({
      client: Object.fromEntries(client),
      wanted: Object.fromEntries(wanted),
    });
  });
  return { checks, told, evictions: replica.table("t")?.evictions ?? 0 };
}

describe("a feed", () => {
  it("keeps a client exact that holds every row that matches, whatever the live table evicts", () => {
    let evictions = 0;
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 5, maxLength: 30 }),
        price,
        fc.integer({ min: 1, max: 3 }),
        (changes, where, every) => {
          const result = follow(changes, { where, every });
          evictions += result.evictions;
          for (const { client, wanted } of result.checks) expect(client).toEqual(wanted);
        },
      ),
      { numRuns: 500 },
    );
    expect(evictions).toBeGreaterThan(500);
  });

  it("keeps a client exact that has read its rows from the store, whatever its rights hide", async () => {
    const counts = { evictions: 0, again: 0, checks: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 12, maxLength: 30 }),
        price,
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 3 }),
        async (changes, where, readAt, readFor) => {
          const world = begin({ where, policy: RED });
          const client = readingClient(world);
          for (const [at, each] of changes.entries()) {
            world.commit(each);
            if (at === readAt) client.beginRead();
            if (at === readAt + readFor) await client.endRead();
            client.follow();
          }
          counts.evictions += world.replica.table("t")?.evictions ?? 0;
          counts.again += client.again;
          counts.checks += client.checks;
        },
      ),
      { numRuns: 400 },
    );
    expect(counts.evictions).toBeGreaterThan(1_000);
    expect(counts.checks).toBeGreaterThan(1_000);
    expect(counts.again).toBeGreaterThan(10);
  });

  it("reads a page anew once for rows that change all the time, and tells of them from then on", async () => {
    const world = begin({ where: { column: "price", gte: 0 }, policy: RED });
    const rowOf = (key: string, team: string) => ({ key, row: { id: key, price: 1, team } });
    for (const key of "abcdefgh")
      world.commit({ channel: "t", upserts: [rowOf(key, "red")], removes: [] });
    const view = world.open();
    const readWhileHiding = (key: string): Promise<ReadRows | undefined> =>
      view.serve(() => {
        const rows = world.wanted().map(([found]) => ({ key: found }));
        const page = { completeThrough: world.replica.seq, rows };
        world.commit({ channel: "t", upserts: [rowOf(key, "blue")], removes: [] });
        return Promise.resolve(page);
      });
    expect(await readWhileHiding("a")).toBeUndefined();
    const page = await readWhileHiding("b");
    expect(page?.rows).toHaveLength(7);
    const changes = view.changesSince(page?.completeThrough ?? 0);
    expect(changes?.removes.map(({ key }) => key)).toEqual(["b"]);
  });

  it("has clients load their rows anew when it can't keep the keys of more rows", async () => {
    const world = begin({ where: { column: "price", gte: 0 }, policy: RED }, { outsideRowsMax: 2 });
    const client = readingClient(world);
    const rowOf = (key: string, team: string) => ({ key, row: { id: key, price: 1, team } });
    world.commit({ channel: "t", upserts: [rowOf("x", "blue")], removes: [] });
    client.beginRead();
    await client.endRead();
    for (const key of "abcdefgh") {
      world.commit({ channel: "t", upserts: [rowOf(key, "red")], removes: [] });
      client.follow();
    }
    world.commit({ channel: "t", upserts: [rowOf("a", "blue")], removes: ["b"] });
    client.follow();
    expect(client.lost).toBeGreaterThan(0);
  });

  it("names no key of a row whose versions the caller was never allowed to see", () =>
    fc.assert(
      fc.property(fc.array(change, { minLength: 5, maxLength: 30 }), price, (changes, where) => {
        const { told } = follow(changes, { where, policy: RED, every: 1 });
        for (const key of told) {
          const versions = changes.flatMap(({ upserts }) => upserts.filter((at) => at.key === key));
          expect(versions.some(({ row: version }) => version["team"] === "red")).toBe(true);
        }
      }),
    ));

  it("tells nothing of rows outside an append-only table, so that filters stay cheap", () => {
    const rowOf = (key: string, value: number) => ({ id: key, price: value, team: "red" });
    const changes = [..."abcdef"].map((key, at): ChannelChange => ({
      channel: "t",
      upserts: [{ key, row: rowOf(key, at % 2) }],
      removes: [],
    }));
    const where = { column: "price", eq: 1 } as const;
    expect([...follow(changes, { where, every: 1 }).told]).toEqual(["e"]);
    expect([...follow(changes, { where, every: 1 }, { appendOnly: true }).told]).toEqual([]);
  });
});
