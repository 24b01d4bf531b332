/**
 * A list after any batch equals a slow sort of the same rows, and costs O(changed · log rows)
 * comparisons.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileOrder, type Ranked, type RankOrder } from "../../protocol/order.ts";
import type { Row } from "../../protocol/row.ts";
import { seededRandom } from "../../std/random.ts";
import { changedList, type ListChange, type RowList } from "./row-list.ts";

const order = compileOrder(
  [
    { column: "n", direction: "desc" },
    { column: "t", nulls: "first" },
  ],
  {
    typeOf: (name) => (name === "n" ? "integer" : "text"),
    columnNames: ["n", "t"],
  },
);

/** The order, and how often it compared. */
function counted(): { readonly order: RankOrder; calls: number } {
  const counter = {
    calls: 0,
    order: (left: Ranked, right: Ranked) => {
      counter.calls++;
      return order(left, right);
    },
  };
  return counter;
}

/** The rows, and a list of them that follows their changes. */
class Followed {
  readonly rows = new Map<string, Row>();
  list: RowList = { keys: [], rows: [] };
  readonly #order: RankOrder | undefined;

  constructor(rowOrder: RankOrder | undefined) {
    this.#order = rowOrder;
  }

  apply(batch: ReadonlyMap<string, Row | undefined>): number {
    const changes: ListChange[] = [];
    for (const [key, after] of batch) {
      const before = this.rows.get(key);
      if (before === undefined && after === undefined) continue;
      changes.push({ key, before, after });
      if (after === undefined) this.rows.delete(key);
      else this.rows.set(key, after);
    }
    this.list = changedList(this.list, this.#order, changes);
    return changes.length;
  }
}

const key = fc.nat(60).map((n) => `k${n}`);
const value = fc.option(
  fc.record({ n: fc.option(fc.nat(5)), t: fc.option(fc.constantFrom("x", "y")) }),
  { nil: undefined },
);
const batch = fc.array(fc.tuple(key, value), { maxLength: 80 }).map((pairs) => new Map(pairs));

describe("a list of rows", () => {
  it("equals a slow sort after every batch", () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 20 }), (batches) => {
        const followed = new Followed(order);
        for (const each of batches) {
          followed.apply(each);
          const truth = Array.from(followed.rows, ([k, row]) => ({ key: k, row })).toSorted(order);
          expect(followed.list.keys).toEqual(truth.map((ranked) => ranked.key));
          followed.list.rows.forEach((row, index) => expect(row).toBe(truth[index]?.row));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps rows where they are without an order, and puts new ones last", () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 20 }), (batches) => {
        const followed = new Followed(undefined);
        for (const each of batches) {
          followed.apply(each);
          // As in a `Map`.
          expect(followed.list.keys).toEqual([...followed.rows.keys()]);
          expect(followed.list.rows).toEqual([...followed.rows.values()]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it(
    "compares O(changed · log rows) times, whatever the size of the batch",
    { timeout: 60_000 },
    () => {
      const sizes = [1, 10, 300, 4_000];
      const shares = [0, 0.001, 0.01, 0.1, 0.5, 1, 2];
      fc.assert(
        fc.property(
          fc.constantFrom(...sizes),
          fc.constantFrom(...shares),
          fc.nat(),
          fc.boolean(),
          (size, share, seed, areValuesFew) => {
            const random = seededRandom(seed);
            const next = (): Row => ({ n: Math.floor(random.next() * (areValuesFew ? 5 : 1e9)) });
            const counter = counted();
            const followed = new Followed(counter.order);
            const pick = (count: number, ofKeys: number): Map<string, Row | undefined> =>
              new Map(
                Array.from({ length: count }, () => [
                  `k${Math.floor(random.next() * ofKeys)}`,
                  random.next() < 0.2 ? undefined : next(),
                ]),
              );
            followed.apply(new Map(Array.from({ length: size }, (_, n) => [`k${n}`, next()])));
            for (let round = 0; round < 2; round++) {
              const before = followed.list.keys.length;
              counter.calls = 0;
              const changed = followed.apply(pick(1 + Math.floor(size * share), size * 2));
              const rows = Math.max(before, followed.list.keys.length);
              expect(counter.calls).toBeLessThanOrEqual(3 * changed * (Math.log2(rows + 2) + 1));
            }
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  it("keeps the keys' array when rows change and none moves, and leaves the former list as it was", () => {
    const followed = new Followed(order);
    followed.apply(
      new Map([
        ["a", { n: 2, t: "x" }],
        ["b", { n: 1, t: "x" }],
      ]),
    );
    const former = followed.list;
    followed.apply(new Map([["b", { n: 1, t: "x", other: true }]]));
    expect(followed.list.keys).toBe(former.keys);
    expect([former.rows[1], followed.list.rows[1]]).toEqual([
      { n: 1, t: "x" },
      { n: 1, t: "x", other: true },
    ]);
    expect(followed.list.rows[0]).toBe(former.rows[0]);
  });

  it("has each key once although the application has changed a row in place", () => {
    const followed = new Followed(order);
    const rows = ["a", "b", "c", "d"].map((id, index) => [id, { n: index, t: "x" }] as const);
    followed.apply(new Map(rows));
    (followed.rows.get("a") as { n: number }).n = 9;
    followed.apply(new Map([["a", { n: 1, t: "y" }]]));
    expect(followed.list.keys.toSorted()).toEqual(["a", "b", "c", "d"]);
  });
});
