/** Parts of the heatmap's page and script, without a browser. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeatmapRow } from "../examples/heatmap/channels.ts";
import { gridOf, levelPrice } from "../examples/heatmap/model/grid.ts";
import { colourScale, scaleTicks } from "../examples/heatmap/page/chart/colour-scale.ts";
import { priceTicks, timeTicks } from "../examples/heatmap/page/chart/ticks.ts";
import {
  cellAt,
  extentOf,
  isWhole,
  panned,
  whole,
  within,
  zoomed,
  type Extent,
} from "../examples/heatmap/page/chart/viewport.ts";
import { addressOf, parsePage } from "../examples/heatmap/page/page-state.ts";
import { Grid } from "../src/heatmap/grid.ts";

const MINUTE_MS = 60_000;
const extent: Extent = {
  fromMs: 0,
  toMs: 30 * MINUTE_MS,
  low: 95,
  high: 105,
  intervalMs: MINUTE_MS,
  step: 0.1,
};

/** The rows of a heatmap: its columns, and values by place. */
function rowsOf(columns: ReadonlyMap<number, ReadonlyMap<number, number>>, step: number) {
  const newest = Math.max(...columns.keys());
  return [...columns].flatMap(([time, cells]): readonly HeatmapRow[] => [
    {
      symbol: "A",
      time,
      price: 0,
      value: time,
      ...(time === newest && { step, as_of: time + 1 }),
    },
    ...[...cells].map(([level, value]) => ({
      symbol: "A",
      time,
      price: levelPrice(level, step),
      value,
    })),
  ]);
}

describe("the script's heatmap", () => {
  const columns = fc
    .uniqueArray(
      fc.tuple(
        fc.integer({ min: 1, max: 6 }),
        fc.uniqueArray(
          fc.tuple(fc.integer({ min: 900, max: 920 }), fc.integer({ min: 1, max: 9 })),
          { selector: ([level]) => level, maxLength: 12 },
        ),
      ),
      { selector: ([time]) => time, minLength: 1 },
    )
    .map((entries) => new Map(entries.map(([time, cells]) => [time, new Map(cells)])));
  const steps = fc.constantFrom(0.005, 0.1, 2, 50);

  it("is the server's after any changes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(columns, steps), { minLength: 2, maxLength: 4 }), (states) => {
        const all = states.map(([cells, step]) => rowsOf(cells, step));
        const grid = new Grid(gridOf("A", all[0] ?? []));
        for (const [index, after] of all.entries()) {
          if (index === 0) continue;
          const before = all[index - 1] ?? [];
          expect(grid.apply(changesOf(before, after))).toEqual(gridOf("A", after));
        }
      }),
    );
  });
});

/** As the server tells them. */
function changesOf(before: readonly HeatmapRow[], after: readonly HeatmapRow[]) {
  const keyOf = ({ time, price }: HeatmapRow): string => `${time} ${price}`;
  const old = new Map(before.map((row) => [keyOf(row), row]));
  const kept = new Set(after.map(keyOf));
  const changed = after.filter(
    (row) => JSON.stringify(row) !== JSON.stringify(old.get(keyOf(row))),
  );
  const gone = before.filter((row) => !kept.has(keyOf(row)));
  const newest = changed.find(({ as_of: asOf }) => asOf !== undefined);
  return {
    removed_times: gone.filter(({ price }) => price === 0).map(({ time }) => time),
    removes: gone
      .filter(({ price }) => price !== 0)
      .map(({ time, price }) => [time, price] as const),
    closes: changed
      .filter(({ price }) => price === 0)
      .map(({ time, value }) => [time, value] as const),
    cells: changed
      .filter(({ price }) => price !== 0)
      .map(({ time, price, value }) => [time, price, value] as const),
    ...(newest?.step !== undefined && { step: newest.step }),
    ...(newest !== undefined && { price: newest.value }),
    ...(newest?.as_of !== undefined && { as_of: newest.as_of }),
  };
}

describe("what part of the heatmap is shown", () => {
  it("is zoomed around a place, down to a few cells, and never past the ends", () => {
    const place = { ms: 10 * MINUTE_MS, price: 100 };
    const half = zoomed(whole(extent), place, { time: 0.5, price: 0.5 }, extent);
    expect(half).toEqual({
      fromMs: 5 * MINUTE_MS,
      toMs: 20 * MINUTE_MS,
      low: 97.5,
      high: 102.5,
    });
    const least = zoomed(half, place, { time: 0.001, price: 0.001 }, extent);
    expect(least.toMs - least.fromMs).toBeCloseTo(3 * MINUTE_MS);
    expect(least.high - least.low).toBeCloseTo(0.5);
    const most = zoomed(half, place, { time: 100, price: 100 }, extent);
    expect([most, isWhole(most, extent), isWhole(half, extent)]).toEqual([
      whole(extent),
      true,
      false,
    ]);
  });

  it("is panned with its size, up to the ends", () => {
    const part = { fromMs: 5 * MINUTE_MS, toMs: 10 * MINUTE_MS, low: 99, high: 101 };
    expect(panned(part, { ms: -60 * MINUTE_MS, price: 1 }, extent)).toEqual({
      fromMs: 0,
      toMs: 5 * MINUTE_MS,
      low: 100,
      high: 102,
    });
  });

  it("is all of it when a link shows what has gone", () => {
    const gone = { fromMs: -9 * MINUTE_MS, toMs: -MINUTE_MS, low: 99, high: 101 };
    expect(within(gone, extent)).toEqual(whole(extent));
  });

  it("is in the address, with the market and the moment", () => {
    const state = {
      symbol: "ETHUSDT",
      viewport: { fromMs: 1_795_344_840_000, toMs: 1_795_346_640_000, low: 1890, high: 2010.5 },
      past: { atMs: 1_795_344_900_000, speed: 10 as const, isPlaying: true },
    };
    const address = addressOf(state, "?mine=1");
    expect(address).toContain("mine=1");
    expect(parsePage(address)).toEqual(state);
    const none = { symbol: undefined, viewport: undefined, past: undefined };
    for (const search of ["", "?view=1_2_3", "?view=2_1_3_4", "?view=a_b_c_d", "?view=1_2_3_4_5"])
      expect(parsePage(search)).toEqual(none);
  });
});

describe("the chart", () => {
  const data = {
    symbol: "A",
    times: [0, MINUTE_MS],
    prices: [99, 100, 101],
    values: [
      [1, 2],
      [0, 0],
      [3, 4],
    ],
    closes: [100, 100],
    step: 1,
  };

  it("finds the cell at a place, with its side", () => {
    const all = extentOf(data) as Extent;
    expect(all).toMatchObject({ fromMs: 0, toMs: 2 * MINUTE_MS, low: 98.5, high: 101.5 });
    const below = cellAt(data, all, { ms: MINUTE_MS, price: 98.6 });
    expect(below).toEqual({ time: MINUTE_MS, price: 99, value: 2, side: "long" });
    expect(cellAt(data, all, { ms: 1, price: 101.4 })).toMatchObject({ value: 3, side: "short" });
    expect(cellAt(data, all, { ms: 2 * MINUTE_MS, price: 100 })).toBeUndefined();
    expect(cellAt(data, all, { ms: 1, price: 102 })).toBeUndefined();
    expect(extentOf({ ...data, times: [], prices: [] })).toBeUndefined();
  });

  it("has a scale that changes rarely, from the background's side to the far one", () => {
    const scale = colourScale(1_100, true);
    expect(scale.high).toBe(1_500);
    expect(colourScale(1_400, true).id).toBe(scale.id);
    expect([scale.colourOf(0), scale.colourOf(1_500)]).toEqual([undefined, "rgb(253, 231, 37)"]);
    expect(colourScale(1_100, false).colourOf(1_500)).toBe("rgb(68, 1, 84)");
    expect(scaleTicks(scale).map(([amount]) => amount)).toEqual([0, 93.75, 375, 843.75, 1_500]);
    expect(colourScale(0, true).high).toBe(1);
  });

  it("labels round prices and times", () => {
    expect(priceTicks(98.5, 101.5, 3)).toEqual([99, 100, 101]);
    expect(priceTicks(61_000, 67_000, 10)).toEqual([
      61_000, 62_000, 63_000, 64_000, 65_000, 66_000, 67_000,
    ]);
    expect(timeTicks(1, 12 * MINUTE_MS, 4)).toEqual([5 * MINUTE_MS, 10 * MINUTE_MS]);
  });
});
