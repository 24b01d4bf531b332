/**
 * One commit that concerns many views, or many rows of one: how much is done in a step, and what
 * others may do between the steps.
 */
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit } from "../log/log.ts";
import type { WireQuery } from "../protocol/query.ts";
import { Replica } from "./replica.ts";
import type { View } from "./view.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "n", type: "integer" },
    { name: "size", type: "integer" },
  ],
});
const ROWS = 1_000;
const VIEWS = 500;
const STEP_ROWS = 8;

const item = (at: number, n: number) => ({
  key: `${at}`,
  row: { id: `${at}`, n, size: at % 7 },
});

/** Rows with the numbers from 0, each at its own place. */
function replicaOf(rows: number): Replica {
  const replica = new Replica({ fillStepRows: STEP_ROWS });
  const upserts = Array.from({ length: rows }, (_, at) => item(at, at));
  const changes = [{ channel: "c", upserts, removes: [] }];
  replica.apply({ seq: 1, timeMs: 0, declares: [channel], changes });
  return replica;
}

const commitOf = (replica: Replica, upserts: readonly ReturnType<typeof item>[]): Commit => ({
  seq: replica.seq + 1,
  timeMs: 0,
  changes: [{ channel: "c", upserts, removes: [] }],
});

/** Different windows, each with the first row; and ranges, each with it too. */
const windowFrom = (from: number): WireQuery => ({
  channel: "c",
  where: { column: "n", gte: -from },
  order_by: [{ column: "n" }],
  limit: 50,
});
const rangeTo = (to: number): WireQuery => ({
  channel: "c",
  where: { column: "n", between: [-to, to] },
});
const isOver = (): boolean => true;

/** Follows a commit step by step, and returns how many views changed in each step. */
function changesPerStep(replica: Replica, views: readonly View[]): readonly number[] {
  const { seq } = replica;
  const counts: number[] = [];
  const changed = (): number => views.filter(({ rows }) => rows.lastSeq === seq).length;
  let before = changed();
  for (let isDone = false; !isDone;) {
    isDone = replica.follow(isOver);
    const now = changed();
    counts.push(now - before);
    before = now;
  }
  return counts;
}

const keysOf = ({ rows }: View): readonly string[] =>
  Array.from(rows.values(), ({ key }) => key).toSorted();

describe("a commit that concerns all views", () => {
  it.each([
    ["windows", windowFrom],
    ["ranges", rangeTo],
  ])("is followed by one of the %s in a step", (_kind, queryOf) => {
    const replica = replicaOf(ROWS);
    const views = Array.from({ length: VIEWS }, (_, at) =>
      replica.acquire(queryOf(at + 1), undefined),
    );
    replica.applyToTables(commitOf(replica, [item(0, 0.5), item(ROWS - 1, 0)]));
    expect(replica.isWhole).toBe(false);
    const counts = changesPerStep(replica, views);
    expect(Math.max(...counts)).toBe(1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(VIEWS);
    expect(replica.takeDirty().length).toBe(VIEWS + 1);
    for (const [at, view] of views.entries()) {
      const fresh = replicaOf(ROWS);
      if (at % 100 !== 0) continue;
      fresh.apply(commitOf(fresh, [item(0, 0.5), item(ROWS - 1, 0)]));
      expect(keysOf(view)).toEqual(keysOf(fresh.acquire(queryOf(at + 1), undefined)));
    }
  });

  it("is not seen in a view before all have followed it", () => {
    const replica = replicaOf(ROWS);
    const views = [1, 2, 3].map((at) => replica.acquire(windowFrom(at), undefined));
    const [first] = views;
    replica.applyToTables(commitOf(replica, [item(0, 0.5)]));
    expect(replica.fill(first as View, isOver)).toBe("more");
    expect(replica.fill(replica.open({ channel: "c" }, undefined), isOver)).toBe("more");
    const opened = replica.open(rangeTo(9), undefined);
    while (replica.fill(opened, isOver) !== "whole");
    expect(replica.isWhole).toBe(true);
    for (const view of views) expect(view.rows.lastSeq).toBe(2);
    expect(keysOf(opened)).toEqual(Array.from({ length: 10 }, (_, at) => `${at}`));
  });

  it("leaves out views that end meanwhile, and counts nothing of them", () => {
    const replica = replicaOf(ROWS);
    const open = (queryOf: (at: number) => WireQuery): readonly View[] =>
      Array.from({ length: 20 }, (_, at) => replica.acquire(queryOf(at + 1), undefined));
    const views = [...open(windowFrom), ...open(rangeTo)];
    replica.applyToTables(commitOf(replica, [item(0, 0.5), item(ROWS - 1, 0)]));
    for (let step = 0; !replica.follow(isOver); step++) {
      const gone = step % 3 === 0 ? views.pop() : step % 3 === 1 ? views.shift() : undefined;
      if (gone !== undefined) replica.release(gone, 0);
      replica.sweep(1e9);
    }
    expect(views.length).toBeLessThan(10);
    for (const view of views) replica.release(view, 0);
    replica.sweep(1e9);
    expect([replica.viewCount, replica.viewEntries]).toEqual([0, 0]);
    expect(replica.takeDirty().map(({ id }) => id)).toEqual(["c"]);
  });

  it("is given up when its epoch ends", () => {
    const replica = replicaOf(ROWS);
    const view = replica.acquire(windowFrom(1), undefined);
    replica.applyToTables(commitOf(replica, [item(0, 0.5)]));
    replica.follow(isOver);
    replica.begin("another");
    expect(replica.isWhole).toBe(true);
    expect(replica.takeGone()).toContain(view);
    expect(replica.viewEntries).toBe(0);
  });
});

describe("a commit that changes all rows of a window", () => {
  it("is followed by a few rows in a step, and by a few rows of a walk", () => {
    const replica = replicaOf(ROWS);
    let evaluated = 0;
    const counted = (at: number, n: number) => {
      const made = item(at, n);
      const row = Object.defineProperty({ ...made.row }, "size", {
        enumerable: true,
        get: () => (evaluated++, made.row.size),
      });
      return { ...made, row };
    };
    // The window's rows come back at the end of the order, and others take their places.
    const all = Array.from({ length: ROWS }, (_, at) => counted(at, at));
    replica.apply(commitOf(replica, all));
    const query = {
      channel: "c",
      where: { not: { column: "size", eq: 3 } },
      order_by: [{ column: "n" }],
      limit: 300,
    };
    const view = replica.acquire(query, undefined);
    const moved = Array.from({ length: 400 }, (_, at) => counted(at, at + ROWS));
    replica.applyToTables(commitOf(replica, moved));
    const evaluations: number[] = [];
    const sizes: number[] = [view.rows.size];
    for (let isDone = false; !isDone;) {
      evaluated = 0;
      isDone = replica.follow(isOver);
      evaluations.push(evaluated);
      sizes.push(view.rows.size);
    }
    expect(view.rows.size).toBe(300);
    expect(Math.max(...evaluations)).toBeLessThanOrEqual(STEP_ROWS);
    const steps = sizes.slice(1).map((size, at) => Math.abs(size - (sizes[at] as number)));
    expect(Math.max(...steps)).toBeLessThanOrEqual(STEP_ROWS);
    expect(keysOf(view)).toEqual(keysOf(copyOf(replica).acquire(query, undefined)));
  });
});

const copyOf = (replica: Replica): Replica => Replica.from(replica.checkpoint());
