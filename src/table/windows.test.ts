/** Thousands of different windows on one channel: what they keep, and what a change visits. */
import { beforeAll, describe, expect, it, vi } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { ViewLimits } from "./limits.ts";
import { Replica } from "./replica.ts";
import type { View } from "./view.ts";
import { WindowView } from "./window-view.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "at", type: "integer" },
    { name: "price", type: "integer" },
    { name: "s", type: "text" },
  ],
  bounds: { rowsMax: 200_000 },
});

function replicaOf(rows: number, limits: Partial<ViewLimits> = {}): Replica {
  const replica = new Replica(limits);
  // Prices are a permutation of 0 to rows - 1 (7,919 is a prime), so that they are in no order.
  const upserts = Array.from({ length: rows }, (_, at) => ({
    key: `${at}`,
    row: { id: `${at}`, at, price: (at * 7_919) % rows, s: at % 2 === 0 ? "x" : "y" },
  }));
  const changes = [{ channel: "c", upserts, removes: [] }];
  replica.apply({ seq: 1, timeMs: 0, declares: [channel], changes });
  return replica;
}

function write(replica: Replica, upserts: readonly Row[], removes: readonly string[] = []): void {
  replica.apply({
    seq: replica.seq + 1,
    timeMs: 0,
    changes: [
      {
        channel: "c",
        upserts: upserts.map((row) => ({ key: row["id"] as string, row })),
        removes,
      },
    ],
  });
}

const keysOf = (view: View): readonly string[] =>
  Array.from(view.rows.values(), ({ key }) => key).toSorted();

describe(
  "ten thousand different top-50 windows on a hundred thousand rows",
  { timeout: 60_000 },
  () => {
    const ROWS = 100_000;
    const WINDOWS = 5_000;
    /** Above another price each: half of them by price, half of them the oldest. */
    const queryOf = (index: number, column: "price" | "at"): WireQuery => ({
      channel: "c",
      where: { column: "price", gte: index * (ROWS / WINDOWS) },
      order_by: [{ column }],
      limit: 50,
    });
    let replica: Replica;
    let byPrice: readonly View[];
    let byAge: readonly View[];

    beforeAll(() => {
      replica = replicaOf(ROWS);
      const viewsBy = (column: "price" | "at") =>
        Array.from({ length: WINDOWS }, (_, index) =>
          replica.acquire(queryOf(index, column), undefined),
        );
      byPrice = viewsBy("price");
      byAge = viewsBy("at");
    }, 120_000);
    /** How many windows a commit visits, and how many of them settle. */
    function counted(commit: () => void): { readonly visited: number; readonly settled: number } {
      const visited = vi.spyOn(WindowView.prototype, "follow");
      const settled = vi.spyOn(WindowView.prototype, "settle");
      commit();
      const counts = { visited: visited.mock.calls.length, settled: settled.mock.calls.length };
      visited.mockRestore();
      settled.mockRestore();
      return counts;
    }

    it("keep their rows, a reserve, and two indexes of the channel", () => {
      replica.sweep(0);
      expect(replica.viewCount).toBe(2 * WINDOWS);
      expect(replica.viewEntries).toBeLessThan(2 * ROWS + 2 * WINDOWS * (50 + 50));
      expect(replica.viewBytes).toBeLessThan(200e6);
      expect(keysOf(byPrice[10] as View)).toHaveLength(50);
    });

    it("visit, for a change, the windows that have read as far as its place", () => {
      // 5,000 windows by price begin 20 rows apart, and each has read 88 rows: 5 have a place.
      const row = { id: "new", at: ROWS + 1, price: 50_010, s: "x" };
      for (const commit of [() => write(replica, [row]), () => write(replica, [], ["new"])]) {
        replica.takeDirty();
        expect(counted(commit).visited).toBeLessThan(20);
        // The bare channel, and the windows that begin at 49,980 and at 50,000.
        expect(replica.takeDirty().length).toBe(3);
      }
    });

    it("settle only where a candidate has changed", () => {
      // Among the oldest rows, but its price is below what most windows ask for.
      const row = { id: "old", at: -1, price: 39, s: "x" };
      const { visited, settled } = counted(() => write(replica, [row]));
      expect(visited).toBeLessThan(WINDOWS + 20);
      // By age and by price, the windows that begin at 0 and at 20.
      expect(settled).toBe(4);
      write(replica, [], ["old"]);
    });

    it("show what a new window shows, after their first rows have gone", () => {
      const removes = Array.from({ length: 100 }, (_, at) => `${at}`);
      write(replica, [], removes);
      while (replica.hasShortWindows) replica.refill(() => true);
      const fresh = new Replica();
      fresh.begin("other", { ...replica.checkpoint(), epoch: "other" });
      for (const index of [0, 1, 17, 2_500, 4_998])
        for (const [column, views] of [
          ["price", byPrice],
          ["at", byAge],
        ] as const)
          expect(keysOf(views[index] as View)).toEqual(
            keysOf(fresh.acquire(queryOf(index, column), undefined)),
          );
    });
  },
);

describe("a window", () => {
  const cheapest = (where: WireQuery["where"], limit = 5): WireQuery => ({
    channel: "c",
    ...(where !== undefined && { where }),
    order_by: [{ column: "price" }],
    limit,
  });

  it("walks on in slices when most of its reserve is used", () => {
    const replica = replicaOf(1_000, { fillStepRows: 4, windowReserveRows: 20 });
    replica.acquire(cheapest({ column: "s", ne: "y" }), undefined);
    const rows = [...(replica.table("c")?.rows.values() ?? [])].map(({ row }) => row);
    const even = rows.filter((row) => row["s"] === "x");
    const first = even.toSorted((a, b) => Number(a["price"]) - Number(b["price"]));
    for (const row of first.slice(0, 16)) write(replica, [], [row["id"] as string]);
    expect(replica.hasShortWindows).toBe(true);
    let slices = 0;
    for (; replica.hasShortWindows; slices++) replica.refill(() => true);
    expect(slices).toBeGreaterThan(1);
  });

  it("whose filter lets few rows through keeps them all, and gives them up when they are many", () => {
    const replica = replicaOf(1_000, { windowReserveRows: 2, windowStepsPerRowMax: 50 });
    const rare = replica.acquire(cheapest({ not: { column: "s", ne: "rare" } }, 1), undefined);
    const many = (count: number): void =>
      write(
        replica,
        Array.from({ length: count }, (_, at) => ({ id: `r${at}`, at, price: -at, s: "rare" })),
      );
    many(20);
    expect([keysOf(rare), rare.entries]).toEqual([["r19"], 20]);
    many(40);
    expect([keysOf(rare), rare.entries]).toEqual([["r39"], 3]);
    write(
      replica,
      [],
      Array.from({ length: 39 }, (_, at) => `r${at + 1}`),
    );
    expect([keysOf(rare), rare.entries]).toEqual([["r0"], 1]);
  });

  it("that every change would visit counts against the limit of views without route", () => {
    const replica = replicaOf(40, { unroutedViewsMax: 3 });
    const not = (s: string) => cheapest({ column: "s", ne: s });
    // The index is one, and each of these windows has all its rows.
    replica.acquire(not("x"), undefined);
    replica.acquire(not("y"), undefined);
    expect(() => replica.acquire(not("z"), undefined)).toThrow(
      expect.objectContaining({ code: "TOO_MANY_VIEWS" }),
    );
    for (let price = 0; price < 20; price++)
      replica.acquire(cheapest({ column: "price", gte: price }), undefined);
    expect(replica.viewCount).toBe(22);
  });

  it("shares its index, which ends with the last of its windows", () => {
    const replica = replicaOf(1_000, { windowReserveRows: 10 });
    const views = [5, 6].map((limit) => replica.acquire(cheapest(undefined, limit), undefined));
    expect(replica.viewEntries).toBe(1_000 + 13 + 14);
    const [first, second] = views as [View, View];
    replica.release(first, 0);
    replica.sweep(1e9);
    expect(replica.viewEntries).toBe(1_000 + 14);
    replica.release(second, 0);
    replica.sweep(1e9);
    expect(replica.viewEntries).toBe(0);
  });

  it("is refused in words when its index does not fit, and leaves nothing behind", () => {
    const replica = replicaOf(1_000, { entriesMax: 900 });
    expect(() => replica.acquire(cheapest(undefined), undefined)).toThrow(
      expect.objectContaining({ code: "VIEW_TOO_LARGE" }),
    );
    expect([replica.viewCount, replica.viewEntries]).toEqual([0, 0]);
  });
});
