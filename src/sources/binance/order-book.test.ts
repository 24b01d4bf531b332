/** The rules of the order book, one by one; `replay.test.ts` has whole streams. */
import { describe, expect, it } from "vitest";
import type { DepthEvent, DepthSnapshot, Level } from "./messages.ts";
import { OrderBook } from "./order-book.ts";

function event(previousId: number, lastId: number, bids: Level[] = [], asks: Level[] = []) {
  return {
    kind: "depth",
    symbol: "AB",
    eventMs: lastId,
    previousId,
    lastId,
    bids,
    asks,
  } satisfies DepthEvent;
}

function snapshot(lastId: number, bids: Level[] = [], asks: Level[] = []): DepthSnapshot {
  return { lastId, eventMs: lastId, timeMs: lastId, bids, asks };
}

function bookOf({ levels = 10, kept = 20, bufferedEventsMax = 5 } = {}) {
  const book = new OrderBook({ levels, kept, bufferedEventsMax });
  const shown = new Map<string, string>();
  const read = (): Record<string, string> => {
    for (const { side, price, quantity } of book.takeChanges())
      if (quantity === undefined) shown.delete(`${side} ${price}`);
      else shown.set(`${side} ${price}`, quantity);
    return Object.fromEntries(shown);
  };
  return { book, read };
}

describe("an order book", () => {
  it("shows nothing before its snapshot, then the snapshot with the events that came after it", () => {
    const { book, read } = bookOf();
    // This one ends before the snapshot.
    book.onEvent(event(5, 8, [["1.0", "7"]]));
    book.onEvent(event(8, 12, [["1.1", "3"]]));
    book.onEvent(event(12, 13, [], [["2.0", "0"]]));
    expect(read()).toEqual({});
    const step = book.onSnapshot(snapshot(10, [["0.9", "1"]], [["2.0", "4"]]));
    expect(step).toEqual({ step: "changed" });
    expect(read()).toEqual({ "bid 1.1": "3", "bid 0.9": "1" });
    expect(book.lastId).toBe(13);
  });

  it.each([
    ["straddles the snapshot", 8, 12],
    ["begins at the snapshot", 10, 12],
  ])("goes on with an event that %s", (_title, previousId, lastId) => {
    const { book, read } = bookOf();
    book.onSnapshot(snapshot(10, [["0.9", "1"]]));
    expect(book.onEvent(event(previousId, lastId, [["0.9", "0"]]))).toEqual({ step: "changed" });
    expect(read()).toEqual({});
  });

  it("ignores what it has already, and an event that ends at the snapshot", () => {
    const { book, read } = bookOf();
    book.onSnapshot(snapshot(10, [["0.9", "1"]]));
    expect(book.onEvent(event(8, 10, [["0.9", "5"]]))).toEqual({ step: "same" });
    book.onEvent(event(10, 12, [["0.9", "2"]]));
    expect(book.onEvent(event(10, 12, [["0.9", "5"]]))).toEqual({ step: "same" });
    expect(read()).toEqual({ "bid 0.9": "2" });
  });

  it("wants a newer snapshot when events between it and the first one are missing", () => {
    const { book, read } = bookOf();
    book.onEvent(event(12, 14, [["0.9", "1"]]));
    expect(book.onSnapshot(snapshot(11))).toMatchObject({ step: "gap" });
    expect(book.isSynced).toBe(false);
    expect(book.onSnapshot(snapshot(12))).toEqual({ step: "changed" });
    expect(read()).toEqual({ "bid 0.9": "1" });
  });

  it("keeps its levels over a gap until the next snapshot, which replaces them", () => {
    const { book, read } = bookOf();
    book.onSnapshot(snapshot(10, [["0.9", "1"]], [["2.0", "4"]]));
    expect(read()).toEqual({ "bid 0.9": "1", "ask 2.0": "4" });
    expect(book.onEvent(event(11, 13, [["0.8", "9"]]))).toMatchObject({
      step: "gap",
      reason: "updates 10 to 11 did not arrive",
    });
    expect(read()).toEqual({ "bid 0.9": "1", "ask 2.0": "4" });
    book.onEvent(event(13, 15, [["0.7", "1"]]));
    // An older copy from a cache.
    expect(book.onSnapshot(snapshot(9))).toMatchObject({ step: "gap" });
    expect(book.onSnapshot(snapshot(13, [["0.6", "6"]]))).toEqual({ step: "changed" });
    expect(read()).toEqual({ "bid 0.7": "1", "bid 0.6": "6" });
  });

  it("never goes back to a snapshot that is older than its levels, as a cache may have", () => {
    const { book, read } = bookOf();
    book.onSnapshot(snapshot(10, [["0.9", "1"]]));
    book.onEvent(event(10, 12, [["0.9", "2"]]));
    book.reset();
    expect(book.onSnapshot(snapshot(11, [["0.9", "1"]]))).toMatchObject({ step: "gap" });
    expect(read()).toEqual({ "bid 0.9": "2" });
    expect(book.onSnapshot(snapshot(12, [["0.9", "2"]]))).toEqual({ step: "changed" });
  });

  it("takes no snapshot that needs an event which the full buffer has dropped", () => {
    const { book, read } = bookOf({ bufferedEventsMax: 2 });
    for (let id = 10; id < 14; id++) book.onEvent(event(id, id + 1, [["0.9", String(id)]]));
    expect(book.onSnapshot(snapshot(11))).toMatchObject({ step: "gap" });
    expect(book.onSnapshot(snapshot(12))).toEqual({ step: "changed" });
    expect(read()).toEqual({ "bid 0.9": "13" });
  });

  it("shows the best levels only, and others when better ones go", () => {
    const { book, read } = bookOf({ levels: 2, kept: 4 });
    book.onSnapshot(
      snapshot(
        1,
        [],
        [
          ["10", "1"],
          ["9.50", "1"],
          ["100", "1"],
        ],
      ),
    );
    expect(read()).toEqual({ "ask 9.50": "1", "ask 10": "1" });
    book.onEvent(event(1, 2, [], [["9.50", "0.000"]]));
    expect(read()).toEqual({ "ask 10": "1", "ask 100": "1" });
    // The same price in another spelling is the same level.
    book.onEvent(event(2, 3, [], [["10.0", "2"]]));
    expect(read()).toEqual({ "ask 10.0": "2", "ask 100": "1" });
  });

  it("wants a snapshot when fewer of its best levels are known than it shows", () => {
    const { book, read } = bookOf({ levels: 2, kept: 3 });
    const asks: Level[] = [
      ["10", "1"],
      ["11", "1"],
      ["12", "1"],
    ];
    book.onSnapshot(snapshot(1, [], asks));
    book.onEvent(event(1, 2, [], [["10", "0"]]));
    // 13 is beyond what the snapshot knew: there may be better ones between.
    book.onEvent(event(2, 3, [], [["13", "1"]]));
    expect(read()).toEqual({ "ask 11": "1", "ask 12": "1" });
    expect(book.onEvent(event(3, 4, [], [["11", "0"]]))).toMatchObject({ step: "gap" });
    expect(book.isSynced).toBe(false);
  });
});
