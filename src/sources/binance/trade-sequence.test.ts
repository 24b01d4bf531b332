/** Holes between trades, and how answers fill them. */
import { describe, expect, it } from "vitest";
import type { TradeEvent } from "./messages.ts";
import { TradeSequence } from "./trade-sequence.ts";

function trade(id: number): TradeEvent {
  return {
    kind: "trade",
    symbol: "AB",
    eventMs: id,
    id,
    price: "1",
    quantity: "1",
    side: "buy",
    timeMs: id,
  };
}
const trades = (...ids: number[]): readonly TradeEvent[] => ids.map(trade);
const idsOf = (taken: readonly TradeEvent[]): readonly number[] => taken.map(({ id }) => id);

describe("the trades of a symbol", () => {
  it("are new once", () => {
    const sequence = new TradeSequence(100, undefined);
    expect(trades(5, 6, 6, 5, 7).map((each) => sequence.onTrade(each))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(sequence).toMatchObject({ hole: undefined, completeTo: 7 });
  });

  it("name the hole before a later one, which answers fill", () => {
    const sequence = new TradeSequence(100, undefined);
    for (const each of trades(1, 5)) sequence.onTrade(each);
    expect(sequence).toMatchObject({ hole: { from: 2, to: 4 }, completeTo: 1 });
    expect(idsOf(sequence.onFetched(trades(2, 3), 2))).toEqual([2, 3]);
    expect(sequence).toMatchObject({ hole: { from: 4, to: 4 }, completeTo: 3 });
    expect(idsOf(sequence.onFetched(trades(4, 5, 6), 1000))).toEqual([4]);
    expect(sequence).toMatchObject({ hole: undefined, completeTo: 5, missing: { count: 0 } });
    expect(sequence.onTrade(trade(6))).toBe(true);
  });

  it("ask for all after an interruption, also when the market is quiet afterwards", () => {
    const sequence = new TradeSequence(100, undefined);
    sequence.onTrade(trade(1));
    sequence.onInterrupted();
    sequence.onInterrupted();
    expect(sequence.hole).toEqual({ from: 2, to: undefined });
    expect(idsOf(sequence.onFetched(trades(2, 3), 2))).toEqual([2, 3]);
    expect(sequence.hole).toEqual({ from: 4, to: undefined });
    expect(idsOf(sequence.onFetched([], 2))).toEqual([]);
    expect(sequence).toMatchObject({ hole: undefined, completeTo: 3 });
    // It came by the answer already.
    expect(sequence.onTrade(trade(3))).toBe(false);
    expect(sequence.onTrade(trade(4))).toBe(true);
  });

  it("close the open hole by the stream's first trade, whichever comes first", () => {
    const sequence = new TradeSequence(100, 10);
    sequence.onInterrupted();
    sequence.onTrade(trade(13));
    expect(sequence.hole).toEqual({ from: 11, to: 12 });
    expect(idsOf(sequence.onFetched(trades(11, 12, 13, 14), 1000))).toEqual([11, 12]);
    expect(sequence.onTrade(trade(14))).toBe(true);
    sequence.onInterrupted();
    sequence.onTrade(trade(15));
    expect(sequence.hole).toBeUndefined();
  });

  it("count as missing what answers skip, what is too old, and what can't be fetched", () => {
    const sequence = new TradeSequence(100, undefined);
    for (const each of trades(1, 6)) sequence.onTrade(each);
    expect(idsOf(sequence.onFetched(trades(3, 8), 1000))).toEqual([3]);
    expect(sequence.missing).toEqual({ count: 3, last: { from: 4, to: 5 } });
    sequence.onTrade(trade(1_007));
    expect(sequence).toMatchObject({ hole: { from: 907, to: 1_006 }, missing: { count: 903 } });
    sequence.onUnavailable();
    expect(sequence.missing).toEqual({ count: 1_003, last: { from: 907, to: 1_006 } });
    expect(sequence.completeTo).toBe(1_007);
  });

  it("find a hole again that could not be asked for", () => {
    const sequence = new TradeSequence(100, 1);
    sequence.onInterrupted();
    sequence.onUnavailable();
    expect(sequence.missing.count).toBe(0);
    sequence.onTrade(trade(4));
    expect(sequence.hole).toEqual({ from: 2, to: 3 });
  });
});
