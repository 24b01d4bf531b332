/** Rows that have left a channel are left to the collector, whatever views were built on it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import { Replica } from "./replica.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ROWS = 1_000;
const declares = [
  declareChannel({
    name: "c",
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "n", type: "integer" },
      { name: "kind", type: "text" },
    ],
    bounds: { rowsMax: ROWS, tombstonesMax: 10 },
  }),
];

/** A channel of 1,000 rows, of which the oldest leave when others come. */
class Ring {
  readonly replica = new Replica({ fillStepRows: 10, rangeViewsOrderedMin: 2 });
  readonly #first: WeakRef<object>[] = [];
  #count = 0;

  constructor() {
    this.add(ROWS);
  }

  add(rows: number): void {
    const upserts = Array.from({ length: rows }, () => {
      const row = { id: String(this.#count), n: this.#count++, kind: "a" };
      if (this.#first.length < ROWS) this.#first.push(new WeakRef(row));
      return { key: row.id, row };
    });
    const from = this.#count - ROWS - rows;
    const removes = Array.from({ length: rows }, (_, at) => String(from + at));
    this.replica.apply({
      seq: this.replica.seq + 1,
      timeMs: 0,
      ...(this.replica.seq === 0 && { declares }),
      changes: [{ channel: "c", upserts, removes }],
    });
  }

  /** Begins to fill a view, and lets it go. */
  abandon(query: WireQuery): void {
    const view = this.replica.open(query, undefined);
    expect(this.replica.fill(view, () => true)).toBe("more");
    this.replica.release(view, 0);
  }

  /** Of the first 1,000 rows, which have all left, those that something keeps. */
  async kept(): Promise<number> {
    for (let round = 0; round < 20; round++) this.add(ROWS / 2);
    this.replica.takeDirty();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    return this.#first.filter((row) => row.deref() !== undefined).length;
  }
}

it.each<WireQuery>([
  { channel: "c", order_by: [{ column: "n" }], limit: 10 },
  { channel: "c", where: { column: "kind", eq: "a" }, order_by: [{ column: "n" }], limit: 10 },
  { channel: "c", where: { column: "n", gte: 0 } },
  { channel: "c", where: { column: "kind", eq: "a" } },
])("keeps no row that has left, after %j was filled beside new rows", async (query) => {
  const ring = new Ring();
  const view = ring.replica.open(query, undefined);
  // The rows that come meanwhile are more than the iterator of those before still has to read.
  while (ring.replica.fill(view, () => true) === "more") ring.add(2);
  expect(await ring.kept()).toBe(0);
  expect(view.rows.size).toBeGreaterThan(0);
});

it.each<readonly [WireQuery, WireQuery]>([
  [
    { channel: "c", where: { column: "n", gte: 0 } },
    { channel: "c", where: { column: "n", gte: 1 } },
  ],
  [
    { channel: "c", order_by: [{ column: "kind" }], limit: 10 },
    { channel: "c", order_by: [{ column: "n" }], limit: 10 },
  ],
  [
    { channel: "c", where: { column: "id", eq: "1" } },
    { channel: "c", where: { column: "kind", eq: "a" } },
  ],
])("keeps none beside %j when %j has gone before it was filled", async (stays, goes) => {
  const ring = new Ring();
  const { replica } = ring;
  const first = replica.open(stays, undefined);
  while (replica.fill(first, () => false) === "more");
  ring.abandon(goes);
  expect(await ring.kept()).toBe(0);
});
