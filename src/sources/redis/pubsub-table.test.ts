/** When a table of a pub/sub source is read, and up to which time it is complete. */
import { describe, expect, it } from "vitest";
import { redisLimits } from "./limits.ts";
import { PubSubTable } from "./pubsub-table.ts";
import { tablesOf, type Table } from "./tables.ts";

const table = tablesOf({ t: { key: "id" } }).get("t") as Table;
const limits = redisLimits({ readPauseMs: 50, reconnectBaseMs: 100, reconnectCapMs: 300 });
const open = (): PubSubTable => new PubSubTable(table, () => Promise.resolve([]), limits);
const rowOf = (id: string) => ({ key: id, row: { id }, json: JSON.stringify({ id }) });
const watched = { isWatched: true, reconcileIntervalMs: 1_000 };
const unwatched = { ...watched, isWatched: false };

/** A table that was read at 0. */
function read(): PubSubTable {
  const opened = open();
  opened.beginRead(1_000, 0);
  opened.endRead([rowOf("a")], 1_010, 10);
  return opened;
}

describe("a table of pub/sub", () => {
  it("is complete up to each fence, but not past a notice or a loss that no read has covered", () => {
    const opened = read();
    expect(opened.completeToMs).toBe(1_010);
    opened.fence(2_000);
    expect(opened.completeToMs).toBe(2_000);
    opened.notice();
    opened.fence(3_000);
    expect(opened.completeToMs).toBe(2_000);
    opened.beginRead(3_100, 100);
    // It comes while the read runs, which may have begun before the change.
    opened.notice();
    opened.fence(4_000);
    opened.endRead([rowOf("b")], 4_100, 200);
    expect(opened.completeToMs).toBe(3_100);
    expect(opened.isNoticed).toBe(true);
    opened.beginRead(4_200, 300);
    opened.endRead([rowOf("b")], 4_300, 400);
    expect([opened.completeToMs, opened.isNoticed]).toEqual([4_300, false]);
    opened.lose();
    opened.fence(5_000);
    expect([opened.completeToMs, opened.isMissing]).toEqual([4_300, true]);
  });

  it("is read at first and after losses, watched or not; for notices and from time to time while it is watched", () => {
    const opened = open();
    expect(opened.readDueMs(unwatched)).toBe(0);
    opened.beginRead(1_000, 5);
    expect(opened.readDueMs(watched)).toBeUndefined();
    opened.endRead([], 1_010, 10);
    expect(opened.readDueMs(unwatched)).toBeUndefined();
    expect(opened.readDueMs(watched)).toBe(1_005);
    opened.notice();
    expect(opened.readDueMs(unwatched)).toBeUndefined();
    // A pause lies between two reads.
    expect(opened.readDueMs(watched)).toBe(60);
    opened.lose();
    expect(opened.readDueMs(unwatched)).toBe(0);
  });

  it("is read again after a failure, with growing pauses, while it is watched", () => {
    const opened = read();
    opened.lose();
    for (const pauseMs of [100, 200, 300, 300]) {
      opened.beginRead(2_000, 1_000);
      opened.failRead(1_000);
      expect(opened.isMissing).toBe(true);
      expect(opened.readDueMs(watched)).toBe(1_000 + pauseMs);
      expect(opened.readDueMs(unwatched)).toBeUndefined();
    }
    // Connecting again begins anew.
    opened.lose();
    expect(opened.readDueMs(unwatched)).toBe(0);
  });

  it("does not count a loss during a read as made up for", () => {
    const opened = read();
    opened.beginRead(2_000, 100);
    opened.lose();
    opened.endRead([], 2_010, 110);
    expect(opened.isMissing).toBe(true);
    expect(opened.completeToMs).toBe(2_000);
  });
});
