/** Sharing, lingering and limits of views; routing by equality. */
import { describe, expect, it, vi } from "vitest";
import type { WireQuery } from "../protocol/query.ts";
import { declareChannel } from "../log/channel.ts";
import { FilteredView } from "./filtered-view.ts";
import type { ViewLimits } from "./limits.ts";
import { Replica } from "./replica.ts";

function replicaOf(limits: Partial<ViewLimits> = {}): Replica {
  const replica = new Replica(limits);
  const declares = [
    declareChannel({
      name: "c",
      key: ["id"],
      columns: [
        { name: "id", type: "text" },
        { name: "s", type: "text" },
        { name: "n", type: "integer" },
      ],
    }),
  ];
  const upserts = Array.from({ length: 10 }, (_, n) => ({
    key: `k${n}`,
    row: { id: `k${n}`, s: n % 2 === 0 ? "even" : "odd", n },
  }));
  replica.apply({ seq: 1, timeMs: 0, declares, changes: [{ channel: "c", upserts, removes: [] }] });
  return replica;
}

const above = (n: number): WireQuery => ({ channel: "c", where: { column: "n", gt: n } });

describe("views", () => {
  it("are one for equal queries under equal policy, and never across policies", () => {
    const replica = replicaOf();
    const even = { column: "s", eq: "even" } as const;
    const odd = { column: "s", eq: "odd" } as const;
    expect(replica.acquire(above(3), even)).toBe(replica.acquire(above(3), even));
    const others = [
      replica.acquire(above(3), odd),
      replica.acquire(above(3), undefined),
      replica.acquire({ channel: "c" }, even),
    ];
    expect(new Set([...others.map(({ id }) => id), replica.acquire(above(3), even).id]).size).toBe(
      4,
    );
    expect(
      [...replica.acquire({ channel: "c" }, odd).rows.values()].every(
        ({ row }) => row["s"] === "odd",
      ),
    ).toBe(true);
  });

  it("take the bytes of a row's text from the channel, which has counted them", () => {
    const replica = replicaOf();
    const views = [0, 1, 2, 3].map((n) => replica.acquire(above(n), undefined));
    const named = replica.acquire({ channel: "c", columns: ["n"] }, undefined);
    const counted = vi.spyOn(Buffer, "byteLength");
    const upserts = [{ key: "k9", row: { id: "k9", s: "größer", n: 9 } }];
    replica.apply({ seq: 2, timeMs: 1, changes: [{ channel: "c", upserts, removes: [] }] });
    const calls = counted.mock.calls.filter(([text]) => String(text).includes("größer")).length;
    counted.mockRestore();
    expect(calls).toBe(1);
    for (const { rows } of [...views, named])
      for (const { json, bytes } of rows.values()) expect(bytes).toBe(Buffer.byteLength(json));
  });

  it("have their floor at the seq where they were built: earlier cursors get a snapshot", () => {
    const view = replicaOf().acquire(above(3), undefined);
    expect([view.rows.floor, view.rows.changesSince(0)]).toEqual([1, undefined]);
  });

  it("keep the rows that changed last where a limit has no order, and refill with the next newest", () => {
    const replica = replicaOf();
    const view = replica.acquire({ channel: "c", limit: 3 }, undefined);
    const keys = (): readonly string[] => Array.from(view.rows.values(), ({ key }) => key).sort();
    const write = (
      seq: number,
      upserts: readonly number[],
      removes: readonly string[] = [],
    ): void =>
      replica.apply({
        seq,
        timeMs: seq,
        changes: [
          {
            channel: "c",
            upserts: upserts.map((n) => ({
              key: `k${n}`,
              row: { id: `k${n}`, s: `at ${seq}`, n },
            })),
            removes,
          },
        ],
      });
    // All rows are of one commit: ties are ordered by key.
    expect(keys()).toEqual(["k0", "k1", "k2"]);
    write(2, [7, 9]);
    expect(keys()).toEqual(["k0", "k7", "k9"]);
    write(3, [4]);
    expect(keys()).toEqual(["k4", "k7", "k9"]);
    write(4, [], ["k9", "k4"]);
    expect(keys()).toEqual(["k0", "k1", "k7"]);
  });

  it("ignore a write that does not change the row", () => {
    const replica = replicaOf();
    const view = replica.acquire({ channel: "c", limit: 1 }, undefined);
    const row = { id: "k4", s: "even", n: 4 };
    const changes = [{ channel: "c", upserts: [{ key: "k4", row }], removes: [] }];
    replica.apply({ seq: 2, timeMs: 1, changes });
    expect(Array.from(view.rows.values(), ({ key }) => key)).toEqual(["k0"]);
  });

  it("stay for the resume window after the last subscriber, then end", () => {
    const replica = replicaOf({ lingerMs: 100 });
    const view = replica.acquire(above(3), undefined);
    replica.release(view, 1_000);
    replica.sweep(1_050);
    expect(replica.acquire(above(3), undefined)).toBe(view);
    replica.release(view, 1_060);
    replica.sweep(1_200);
    expect([replica.viewCount, replica.viewEntries]).toEqual([0, 0]);
    expect(replica.acquire(above(3), undefined)).not.toBe(view);
  });

  it("are refused with an explanation above their maximum, when none is idle", () => {
    const replica = replicaOf({ viewsMax: 2 });
    const idle = replica.acquire(above(1), undefined);
    replica.acquire(above(2), undefined);
    expect(() => replica.acquire(above(3), undefined)).toThrow(
      expect.objectContaining({ code: "TOO_MANY_VIEWS", retryable: true }),
    );
    replica.release(idle, 0);
    expect(replica.acquire(above(3), undefined).rows.size).toBe(6);
  });

  it("without an equality or range term have a limit of their own, since every change evaluates each", () => {
    const replica = replicaOf({ unroutedViewsMax: 1 });
    const not = (n: number): WireQuery => ({ channel: "c", where: { column: "n", ne: n } });
    replica.acquire(not(1), undefined);
    expect(() => replica.acquire(not(2), undefined)).toThrow(/equality or range term/);
    for (const n of [1, 2, 3]) replica.acquire(above(n), undefined);
    expect(
      replica.acquire(
        {
          channel: "c",
          where: {
            and: [
              { column: "s", eq: "odd" },
              { column: "n", gt: 2 },
            ],
          },
        },
        undefined,
      ).rows.size,
    ).toBe(4);
  });

  it("with ten thousand different ranges are evaluated only for the rows in their ranges", () => {
    const replica = replicaOf();
    const ofSpan = (from: number, s?: string): WireQuery => {
      const range = { column: "n", between: [from, from + 1] } as const;
      return {
        channel: "c",
        where: s === undefined ? range : { and: [range, { column: "s", eq: s }] },
      };
    };
    for (let index = 0; index < 5_000; index++) {
      replica.acquire(ofSpan(10 * index + 100), undefined);
      replica.acquire(ofSpan(10 * index + 100, "even"), undefined);
    }
    const evaluated = vi.spyOn(FilteredView.prototype, "apply");
    const write = (s: string, n: number): number => {
      evaluated.mockClear();
      const upserts = [{ key: "k0", row: { id: "k0", s, n } }];
      replica.apply({
        seq: replica.seq + 1,
        timeMs: 0,
        changes: [{ channel: "c", upserts, removes: [] }],
      });
      return evaluated.mock.calls.length;
    };
    // Between the ranges, into one, within it, to another value, out of it, and below all.
    const counts = [
      write("even", 108),
      write("even", 2_100),
      write("even", 2_101),
      write("odd", 2_101),
      write("odd", 40_107),
      write("odd", 0),
    ];
    evaluated.mockRestore();
    expect(counts).toEqual([0, 2, 2, 2, 1, 0]);
  });

  it("with a range read only the rows in it, once many views have a range of the column", () => {
    const replica = replicaOf({ rangeViewsOrderedMin: 2, entriesMax: 40, lingerMs: 0 });
    const evaluated = vi.spyOn(FilteredView.prototype, "apply");
    const built = (low: number, high: number): readonly number[] => {
      evaluated.mockClear();
      const where = { column: "n", between: [low, high] } as const;
      const view = replica.acquire({ channel: "c", where }, undefined);
      const evaluations = evaluated.mock.calls.length;
      replica.release(view, 0);
      return [evaluations, view.rows.size];
    };
    const first = replica.acquire(above(8), undefined);
    expect([built(2, 4), built(5, 5), built(9, 5)]).toEqual([
      [3, 3],
      [1, 1],
      [0, 0],
    ]);
    // The order counts as ten entries, and goes before a view is refused.
    expect(replica.viewEntries).toBe(15);
    for (const s of ["%v%", "%d%", "%n%"])
      replica.acquire({ channel: "c", where: { column: "s", like: s } }, undefined);
    expect([replica.viewEntries, built(3, 4)]).toEqual([30, [2, 2]]);
    replica.acquire({ channel: "c", columns: ["n"] }, undefined);
    expect(built(4, 6)).toEqual([10, 3]);
    evaluated.mockRestore();
    replica.release(first, 0);
    replica.sweep(1);
    expect(replica.viewEntries).toBe(25);
  });

  it("are refused when all views would hold too many rows, and leave nothing behind", () => {
    const replica = replicaOf({ entriesMax: 8 });
    expect(() => replica.acquire(above(-1), undefined)).toThrow(
      expect.objectContaining({ code: "VIEW_TOO_LARGE" }),
    );
    expect([replica.viewCount, replica.viewEntries]).toEqual([0, 0]);
    expect(replica.acquire(above(3), undefined).rows.size).toBe(6);
  });
});
