/** The parts of the trading dashboard that need no server and no page. */
import { describe, expect, it } from "vitest";
import { Market } from "../examples/trading/feed/market.ts";
import { newestChanges } from "../examples/trading/page/newest-changes.ts";
import {
  arrange,
  compact,
  freePlace,
  type Box,
  type Placed,
} from "../examples/trading/page/layout.ts";
import { addressOf, DEFAULT_STATE, parsePage } from "../examples/trading/page/page-state.ts";
import { MARKETS } from "../examples/trading/symbols.ts";

const market = MARKETS[0] as (typeof MARKETS)[number];

describe("the built-in order flow", () => {
  it("gives the same rows for the same seed, and others for another one", () => {
    const run = (seed: number): string => {
      const flow = new Market(market, seed);
      return JSON.stringify(Array.from({ length: 400 }, () => flow.step(0.05, 2)));
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });

  it("keeps a book that is never crossed, and trades at its prices", () => {
    const flow = new Market(market, 3);
    const book = new Map<string, number>();
    const note = (levels: ReturnType<Market["levels"]>): void => {
      for (const { side, price, quantity } of levels)
        if (quantity === undefined) book.delete(`${side} ${price}`);
        else book.set(`${side} ${price}`, Number(quantity));
    };
    note(flow.levels());
    let id = 0;
    for (let step = 0; step < 500; step++) {
      const { trades, levels, quote } = flow.step(0.05, 2);
      note(levels);
      const prices = (side: string): number[] =>
        [...book.keys()].filter((key) => key.startsWith(side)).map((key) => Number(key.slice(4)));
      expect(Number(quote.bid)).toBe(Math.max(...prices("bid")));
      expect(Number(quote.ask)).toBe(Math.min(...prices("ask")));
      expect(Number(quote.bid)).toBeLessThan(Number(quote.ask));
      expect(Number(quote.bid_quantity)).toBe(book.get(`bid ${quote.bid}`));
      expect(Math.min(...book.values())).toBeGreaterThan(0);
      for (const trade of trades) expect(trade.id).toBe(++id);
    }
    expect(id).toBeGreaterThan(50);
  });

  it("goes on after a restart with the next id, near the last price", () => {
    const flow = new Market(market, 5);
    for (let step = 0; step < 200; step++) flow.step(0.05, 2);
    const next = new Market(market, 5, flow.position);
    const { trades, quote } = next.step(0.05, 50);
    expect(trades[0]?.id).toBe(flow.position.id + 1);
    expect(Math.abs(Number(quote.bid) / flow.position.price - 1)).toBeLessThan(0.01);
  });
});

describe("the layout of a workspace", () => {
  const box = (x: number, y: number, w: number, h: number): Box => ({ x, y, w, h });
  const placed = (boxes: readonly Box[]): readonly Placed[] =>
    boxes.map((each, index) => ({ id: String(index), box: each }));
  const boxesOf = (widgets: readonly Placed[]): readonly Box[] => widgets.map((each) => each.box);

  it("pushes down what a moved widget covers, and closes gaps", () => {
    const widgets = placed([box(0, 0, 6, 8), box(0, 8, 6, 8), box(6, 0, 6, 8)]);
    // The second one is put before the first.
    expect(boxesOf(arrange(widgets, "1", box(0, 4, 6, 8)))).toEqual([
      box(0, 8, 6, 8),
      box(0, 0, 6, 8),
      box(6, 0, 6, 8),
    ]);
    expect(boxesOf(arrange(widgets, "2", box(4, 3, 6, 8)))).toEqual([
      box(0, 8, 6, 8),
      box(0, 16, 6, 8),
      box(4, 0, 6, 8),
    ]);
  });

  it("never lets two widgets overlap, wherever one is put", () => {
    const widgets = DEFAULT_STATE.widgets;
    for (const { id } of widgets)
      for (let x = -2; x < 26; x += 7)
        for (let y = 0; y < 30; y += 9) {
          const after = arrange(widgets, id, box(x, y, 7, 9));
          expect(after.map((widget) => widget.id)).toEqual(widgets.map((widget) => widget.id));
          const cells = after.flatMap((widget) =>
            Array.from({ length: widget.box.w * widget.box.h }, (_, cell) =>
              [
                widget.box.x + (cell % widget.box.w),
                widget.box.y + Math.floor(cell / widget.box.w),
              ].join(),
            ),
          );
          expect(new Set(cells).size).toBe(cells.length);
          expect(after).toEqual(compact(after));
        }
  });

  it("puts a new widget where there is room", () => {
    expect(freePlace(placed([box(0, 0, 20, 10)]), { w: 4, h: 4 })).toEqual(box(20, 0, 4, 4));
    expect(freePlace(placed([box(0, 0, 24, 10)]), { w: 4, h: 4 })).toEqual(box(0, 10, 4, 4));
  });
});

describe("the address of a workspace", () => {
  it("says nothing of the workspace that a page begins with", () => {
    expect(addressOf(DEFAULT_STATE, "?devtools")).toBe("?devtools=");
    expect(parsePage("")).toEqual(DEFAULT_STATE);
  });

  it("has everything of another one", () => {
    const [first, second, third] = DEFAULT_STATE.widgets;
    const widgets = [
      { ...first, filters: { bid: ">1,000 & more", symbol: "/^B+ C/" } },
      { ...second, symbol: "ÄUSDT", width: "1m" },
      { ...third, kind: "alerts", alerts: [{ channel: "trades", column: "side", text: "=buy" }] },
    ] as typeof DEFAULT_STATE.widgets;
    const parsed = parsePage(addressOf({ ...DEFAULT_STATE, widgets }, ""));
    expect(parsed.widgets).toEqual(widgets);
  });

  it("has each alert once", () => {
    const rule = "alert=trades.side+%3Dbuy";
    const { widgets } = parsePage(`?w=${encodeURIComponent(`alerts 0.0.8.9 ${rule}&${rule}`)}`);
    expect(widgets[0]?.alerts).toEqual([{ channel: "trades", column: "side", text: "=buy" }]);
  });

  it("is empty when all widgets are gone, and leaves out what it does not know", () => {
    expect(parsePage(addressOf({ ...DEFAULT_STATE, widgets: [] }, "")).widgets).toEqual([]);
    const { widgets } = parsePage("?w=tape+0.0.8.9&w=magic+0.0.1.1&w=tape+a.b");
    expect(widgets.map(({ kind, box: { w } }) => [kind, w])).toEqual([["tape", 8]]);
  });
});

describe("what a chart updates", () => {
  const row = (bucket: string) => ({ bucket });
  const [a, b, c, d] = [row("1"), row("2"), row("3"), row("4")];

  it("is the newest candle, and those after it", () => {
    const changed = row("3");
    expect(newestChanges([c, b, a], [c, b, a])).toEqual([]);
    expect(newestChanges([c, b, a], [changed, b, a])).toEqual([changed]);
    expect(newestChanges([c, b, a], [d, changed, b, a])).toEqual([changed, d]);
    expect(newestChanges([c, b, a], [d, c, b])).toEqual([d]);
  });

  it("is everything when older candles have come or changed", () => {
    expect(newestChanges([], [a])).toBeUndefined();
    expect(newestChanges([c, b], [c, b, a])).toBeUndefined();
    expect(newestChanges([c, b, a], [c, row("2"), a])).toBeUndefined();
  });
});
