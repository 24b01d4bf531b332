/**
 * A view that is filled while commits arrive equals, once complete, a view that was built at once,
 * and stays equal to it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import { Replica } from "./replica.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "n", type: "integer" },
    { name: "s", type: "text" },
  ],
});
const QUERIES: readonly WireQuery[] = [
  { channel: "c", where: { column: "n", gt: 2 } },
  { channel: "c", where: { column: "s", eq: "x" } },
  { channel: "c", where: { column: "s", in: ["x", "y"] } },
  { channel: "c", where: { column: "n", between: [1, 3] }, columns: ["s"] },
  {
    channel: "c",
    where: {
      and: [
        { column: "s", eq: "xy" },
        { column: "n", lte: 3 },
        { column: "n", gt: 0 },
      ],
    },
  },
  { channel: "c", order_by: [{ column: "n", direction: "desc", nulls: "first" }], limit: 3 },
  {
    channel: "c",
    where: { column: "s", like: "%x%" },
    order_by: [{ column: "n" }],
    limit: 4,
    columns: ["n"],
  },
  { channel: "c", limit: 3 },
  { channel: "c", where: { column: "s", eq: "x" }, limit: 2 },
];
const row = fc.record({
  id: fc.constantFrom(..."abcdefghijkl"),
  // Also what the column does not allow.
  n: fc.constantFrom(0, 1, 2, 3, 4, 5, null, "word", "0x4"),
  s: fc.constantFrom("x", "y", "xy"),
});
const commit = fc.record({
  upserts: fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 5 }),
  removes: fc.uniqueArray(fc.constantFrom(..."abcdefghijkl"), { maxLength: 2 }),
});
/** A commit, or a slice of the view's fill. */
const step = fc.oneof(
  { weight: 1, arbitrary: commit },
  { weight: 2, arbitrary: fc.constant("fill" as const) },
);

describe("a view that is filled in slices", () => {
  it("equals one built at once, and both give the same answers from then on", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...QUERIES),
        fc.array(row, { maxLength: 12 }),
        fc.array(step, { maxLength: 25 }),
        fc.constantFrom(1, 2, 3),
        (query, rows, steps, rangeViewsOrderedMin) => {
          const replica = new Replica({ fillStepRows: 1, rangeViewsOrderedMin });
          let seq = 0;
          const apply = ({
            upserts,
            removes,
          }: {
            readonly upserts: typeof rows;
            readonly removes: readonly string[];
          }): void => {
            const written = new Set(upserts.map(({ id }) => id));
            replica.apply({
              seq: ++seq,
              timeMs: seq,
              declares: [channel],
              changes: [
                {
                  channel: "c",
                  upserts: upserts.map((each) => ({ key: each.id, row: each })),
                  removes: removes.filter((id) => !written.has(id)),
                },
              ],
            });
          };
          apply({
            upserts: [...new Map(rows.map((each) => [each.id, each])).values()],
            removes: [],
          });
          // Views that are filled from the same indexes, and further than this one.
          const others = [
            { channel: "c", where: { column: "s", eq: "y" } },
            { channel: "c", where: { column: "n", lt: 4 } },
          ].map((each) => replica.open(each, undefined));
          const fillOthers = (): void => {
            for (const other of others) replica.fill(other, () => true);
          };
          fillOthers();
          const view = replica.open(query, undefined);
          let wholeAt = replica.fill(view, () => true) === "whole" ? seq : undefined;
          const check = (): void => {
            if (wholeAt === undefined) return;
            const twin = new Replica();
            twin.begin("twin", { ...replica.checkpoint(), epoch: "twin" });
            const want = [...twin.acquire(query, undefined).rows.values()]
              .map(({ key, json }) => `${key} ${json}`)
              .toSorted();
            expect(
              [...view.rows.values()].map(({ key, json }) => `${key} ${json}`).toSorted(),
            ).toEqual(want);
          };
          check();
          for (const each of steps) {
            if (each === "fill") {
              fillOthers();
              if (wholeAt === undefined && replica.fill(view, () => true) === "whole")
                wholeAt = seq;
            } else {
              const shown = new Map([...view.rows.values()].map(({ key, json }) => [key, json]));
              apply(each);
              if (wholeAt !== undefined) {
                // Both answer every cursor from which on the view was complete.
                const changes = view.changesSince(seq - 1);
                for (const { key, json } of changes?.upserts ?? []) shown.set(key, json);
                for (const { key } of changes?.removes ?? []) shown.delete(key);
                expect([...shown].toSorted()).toEqual(
                  [...view.rows.values()].map(({ key, json }) => [key, json]).toSorted(),
                );
              }
            }
            check();
          }
        },
      ),
      { numRuns: 800 },
    );
  });

  it("reads a few rows per slice, also to index them by a value, and none before the first", () => {
    const stepRows = 8;
    for (const where of [
      { column: "n", gt: 2 },
      { column: "s", eq: "x" },
      { column: "s", like: "x" },
    ]) {
      const replica = new Replica({ fillStepRows: stepRows });
      let reads = 0;
      const counted = (id: string) =>
        Object.defineProperty({ id, s: "x" }, where.column, {
          enumerable: true,
          get: () => (reads++, where.column === "n" ? 3 : "x"),
        });
      const upserts = Array.from({ length: 200 }, (_, at) => ({
        key: `${at}`,
        row: counted(`${at}`),
      }));
      replica.apply({
        seq: 1,
        timeMs: 1,
        declares: [channel],
        changes: [{ channel: "c", upserts, removes: [] }],
      });
      reads = 0;
      const view = replica.open({ channel: "c", where }, undefined);
      expect(reads).toBe(0);
      for (let result = "more"; result === "more"; reads = 0) {
        result = replica.fill(view, () => true);
        expect(reads).toBeLessThanOrEqual(2 * stepRows);
      }
      expect(view.rows.size).toBe(200);
    }
  });

  it("is not filled for ever when each slice adds a row", () => {
    const replica = new Replica({ fillStepRows: 1 });
    let seq = 0;
    const insert = (): void =>
      replica.apply({
        seq: ++seq,
        timeMs: 1,
        declares: [channel],
        changes: [
          {
            channel: "c",
            upserts: [{ key: `${seq}`, row: { id: `${seq}`, n: 3, s: "x" } }],
            removes: [],
          },
        ],
      });
    for (let index = 0; index < 5; index++) insert();
    const views = [QUERIES[0], QUERIES[1]].map((query) =>
      replica.open(query as WireQuery, undefined),
    );
    for (const view of views) {
      for (let slices = 0; replica.fill(view, () => true) === "more"; slices++) {
        expect(slices).toBeLessThan(50);
        insert();
      }
      expect(view.rows.size).toBe(seq);
    }
  });

  it("serves no cursor from before it was complete", () => {
    const replica = new Replica({ fillStepRows: 1 });
    replica.apply({
      seq: 1,
      timeMs: 1,
      declares: [channel],
      changes: [
        {
          channel: "c",
          upserts: ["a", "b"].map((id) => ({ key: id, row: { id, n: 1, s: "x" } })),
          removes: [],
        },
      ],
    });
    const view = replica.open(QUERIES[5] as WireQuery, undefined);
    expect(replica.fill(view, () => true)).toBe("more");
    replica.apply({
      seq: 2,
      timeMs: 2,
      changes: [
        { channel: "c", upserts: [{ key: "c", row: { id: "c", n: 2, s: "x" } }], removes: ["b"] },
      ],
    });
    while (replica.fill(view, () => true) === "more") continue;
    expect([view.rows.floor, view.rows.changesSince(1), view.rows.changesSince(2)]).toEqual([
      2,
      undefined,
      { upserts: [], removes: [] },
    ]);
  });

  it("without subscribers, or of a channel that is gone, is not filled further", () => {
    const replica = new Replica({ fillStepRows: 1 });
    replica.apply({
      seq: 1,
      timeMs: 1,
      declares: [channel],
      changes: [
        {
          channel: "c",
          upserts: ["a", "b"].map((id) => ({ key: id, row: { id, n: 9, s: "x" } })),
          removes: [],
        },
      ],
    });
    const view = replica.open(QUERIES[0] as WireQuery, undefined);
    replica.apply({ seq: 2, timeMs: 2, drops: ["c"], declares: [channel], changes: [] });
    expect(replica.fill(view, () => true)).toBe("gone");
  });
});

describe("a view that costs too much", () => {
  const texts = declareChannel({
    name: "t",
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "s", type: "text" },
      { name: "more", type: "text" },
    ],
  });
  const upsert = (id: string, s: string) => ({
    channel: "t",
    upserts: [{ key: id, row: { id, s } }],
    removes: [],
  });
  const costly: WireQuery = { channel: "t", where: { column: "s", regex: "[0-9]{1,60}[x-z]" } };

  it("is refused when it is opened, with the numbers", () => {
    const replica = new Replica();
    replica.apply({ seq: 1, timeMs: 1, declares: [texts], changes: [] });
    const message = /take 1802 steps per character of text or more, and a query may take 256/;
    expect(() =>
      replica.acquire(
        { channel: "t", where: { column: "s", regex: "[0-9]{1,900}[x-z]" } },
        undefined,
      ),
    ).toThrow(message);
    expect(() =>
      replica.acquire(
        {
          channel: "t",
          where: {
            or: Array.from({ length: 255 }, () => ({ column: "s", like: `%${"a".repeat(180)}%` })),
          },
        },
        undefined,
      ),
    ).toThrow(expect.objectContaining({ code: "QUERY_TOO_COSTLY" }));
    expect(replica.viewCount).toBe(0);
  });

  it("ends with the commit that exceeds its budget, before the step beyond it, and is not tried again for a while", () => {
    const replica = new Replica({ refusedMs: 1_000 });
    replica.apply({ seq: 1, timeMs: 1, declares: [texts], changes: [upsert("a", "1")] });
    const [view, cheap] = [
      replica.acquire(costly, undefined),
      replica.acquire({ channel: "t", where: { column: "s", like: "%9%" } }, undefined),
    ];
    replica.apply({ seq: 2, timeMs: 2, changes: [upsert("b", "9".repeat(1_000_000))] });
    expect(replica.takeRefused()).toEqual([
      { view, error: expect.objectContaining({ code: "QUERY_TOO_COSTLY" }) },
    ]);
    expect(cheap.rows.size).toBe(1);
    expect(() => replica.acquire(costly, undefined)).toThrow(
      expect.objectContaining({ code: "QUERY_TOO_COSTLY" }),
    );
    replica.apply({ seq: 3, timeMs: 3, changes: [{ channel: "t", upserts: [], removes: ["b"] }] });
    replica.sweep(10_000);
    replica.sweep(11_000);
    expect(replica.acquire(costly, undefined).rows.size).toBe(0);
  });

  it("is refused first when all views together cost too much", () => {
    const replica = new Replica({ stepsPerCommitMax: 100_000, stepsPerChangeMax: 0 });
    replica.apply({ seq: 1, timeMs: 1, declares: [texts], changes: [] });
    const [dear, cheap] = [
      replica.acquire(costly, undefined),
      replica.acquire({ channel: "t", where: { column: "s", regex: "9" } }, undefined),
    ];
    replica.apply({ seq: 2, timeMs: 2, changes: [upsert("b", "9".repeat(2_000))] });
    expect(replica.takeRefused().map(({ view }) => view)).toEqual([dear]);
    expect(cheap.rows.size).toBe(1);
  });

  it("is refused also for its size, as its channel grows", () => {
    const replica = new Replica({ bytesMax: 100_000 });
    replica.apply({ seq: 1, timeMs: 1, declares: [texts], changes: [] });
    const [wide, narrow] = [
      replica.acquire({ channel: "t", columns: ["s"] }, undefined),
      replica.acquire({ channel: "t", where: { column: "s", ne: "" } }, undefined),
    ];
    replica.apply({ seq: 2, timeMs: 2, changes: [upsert("b", "9".repeat(60_000))] });
    replica.sweep(1);
    expect(replica.takeRefused()).toEqual([
      { view: wide, error: expect.objectContaining({ code: "VIEW_TOO_LARGE" }) },
    ]);
    expect([narrow.rows.size, replica.viewCount]).toEqual([1, 1]);
  });
});
