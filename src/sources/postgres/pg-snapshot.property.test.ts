/** Snapshots against their meaning: the set of visible transactions. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  hasEnded,
  includes,
  inProgressArray,
  inProgressInBoth,
  parseSnapshot,
  visibleIn,
  widenXid,
} from "./pg-snapshot.ts";

const BASE = 2n ** 32n - 8n;
const XIDS = Array.from({ length: 24 }, (_, index) => BASE + BigInt(index));

/**
 * A snapshot as Postgres makes it: every transaction below `xmax` except those in progress. Spans
 * the 32-bit boundary.
 */
const snapshot = fc
  .tuple(fc.integer({ min: 0, max: XIDS.length }), fc.subarray(XIDS))
  .map(([end, open]) => {
    const xmax = BASE + BigInt(end);
    const inProgress = open.filter((xid) => xid < xmax);
    return {
      text: `${inProgress[0] ?? xmax}:${xmax}:${inProgress.join(",")}`,
      visible: new Set(XIDS.filter((xid) => xid < xmax && !inProgress.includes(xid)).map(String)),
      inProgress,
    };
  });

describe("a snapshot", () => {
  it("shows the transactions of its text, and parses Postgres's format", () => {
    fc.assert(
      fc.property(snapshot, ({ text, visible, inProgress }) => {
        const isVisible = visibleIn(parseSnapshot(text));
        expect(XIDS.map(String).filter(isVisible)).toEqual([...visible]);
        expect(inProgressArray(parseSnapshot(text))).toBe(`{${inProgress.join(",")}}`);
      }),
    );
  });

  it("includes another exactly when it shows all transactions of the other", () => {
    fc.assert(
      fc.property(snapshot, snapshot, (outer, inner) => {
        expect(includes(parseSnapshot(outer.text), parseSnapshot(inner.text))).toBe(
          [...inner.visible].every((xid) => outer.visible.has(xid)),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it("finds the transactions that were in progress in both, and when one of them has ended", () => {
    fc.assert(
      fc.property(snapshot, snapshot, snapshot, (first, second, third) => {
        const both = inProgressInBoth(parseSnapshot(first.text), parseSnapshot(second.text));
        expect([...both].toSorted()).toEqual(
          first.inProgress
            .filter((xid) => second.inProgress.includes(xid))
            .map(String)
            .toSorted(),
        );
        expect(hasEnded(both, parseSnapshot(third.text))).toBe(
          [...both].some((xid) => !third.inProgress.includes(BigInt(xid))),
        );
      }),
    );
  });

  it("is refused when the text is no snapshot", () => {
    for (const text of ["", "1", "1:", "1:x:", "a:b:c"])
      expect(() => parseSnapshot(text)).toThrow("is a snapshot");
  });
});

describe("a transaction id of 32 bits", () => {
  it("is restored from any later id", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 3n, max: 2n ** 40n }),
        fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
        (xid, distance) => {
          expect(widenXid(String(BigInt.asUintN(32, xid)), String(xid + distance))).toBe(
            String(xid),
          );
        },
      ),
    );
  });

  it("before the first id is the first", () => {
    // Frozen rows keep a small xmin, which may be above every assigned id.
    expect(widenXid("100", "50")).toBe("0");
  });
});
