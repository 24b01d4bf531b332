/** The tree finds what a list of all intervals finds, with logarithmically many comparisons. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Present } from "../protocol/column.ts";
import { contains, type Interval } from "./interval.ts";
import { IntervalTree } from "./interval-tree.ts";

let compared = 0;
const compare = (left: Present, right: Present): number => {
  compared++;
  return Number(left) - Number(right);
};
const bound = fc.option(fc.record({ value: fc.nat(12), isOpen: fc.boolean() }), {
  nil: undefined,
  freq: 4,
});
const step = fc.record({
  interval: fc.record({ lower: bound, upper: bound }),
  item: fc.nat(5),
  isAdded: fc.boolean(),
});

describe("an interval tree", () => {
  it("finds the items whose interval contains a value, while items come and go", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const tree = new IntervalTree<number>(compare);
        const listed = new Map<string, { readonly interval: Interval; readonly item: number }>();
        for (const { interval, item, isAdded } of steps) {
          const name = JSON.stringify([interval, item]);
          if (isAdded) {
            tree.add(interval, item);
            listed.set(name, { interval, item });
          } else {
            tree.delete(interval, item);
            listed.delete(name);
          }
          const value = item * 2 + 1;
          const found: string[] = [];
          tree.containing(value, (each, within) => found.push(JSON.stringify([within, each])));
          const wanted = [...listed]
            .filter(([, entry]) => contains(entry.interval, value, compare))
            .map(([text]) => text);
          expect(found.toSorted()).toEqual(wanted.toSorted());
        }
      }),
      { numRuns: 500 },
    );
  });

  it("compares a value with few of ten thousand intervals, also after they came in order and went", () => {
    const tree = new IntervalTree<number>(compare);
    const between = (low: number): Interval => ({
      lower: { value: low, isOpen: false },
      upper: { value: low + 1, isOpen: true },
    });
    const everything: Interval = { lower: { value: -1, isOpen: false }, upper: undefined };
    for (let low = 0; low < 30_000; low += 2) tree.add(between(low), low);
    for (let low = 0; low < 10_000; low += 2) tree.delete(between(low), low);
    tree.add(everything, -1);
    for (const [value, items] of [
      [9_999, [-1]],
      [10_000, [-1, 10_000]],
      [20_001, [-1]],
      [29_998.5, [-1, 29_998]],
      [-2, []],
    ] as const) {
      const found: number[] = [];
      compared = 0;
      tree.containing(value, (item) => found.push(item));
      expect(found).toEqual(items);
      expect(compared).toBeLessThan(100);
    }
  });
});
