/** An index that is built in steps, while changes come, has the rows of the channel in order. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireOrderBy } from "../protocol/query.ts";
import { compileOrder } from "../protocol/order.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import { AFTER_ALL, BEFORE_ALL, IndexOrder, type Place } from "./index-order.ts";
import { LiveTable } from "./live-table.ts";
import { OrderedIndex } from "./ordered-index.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "n", type: "integer" },
    { name: "s", type: "text" },
  ],
  bounds: { rowsMax: 8 },
});
const context = whereContextOf(channel);
const ORDERS: readonly (readonly WireOrderBy[])[] = [
  [],
  [{ column: "n" }],
  [{ column: "n", direction: "desc" }],
  [
    { column: "n", nulls: "first" },
    { column: "s", direction: "desc", nulls: "last" },
  ],
];
const row = fc.record({
  id: fc.constantFrom(..."abcdefghij"),
  n: fc.constantFrom(1, 2, 3, null),
  s: fc.constantFrom("x", "y", null),
});
const commit = fc.record({
  upserts: fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 4 }),
  removes: fc.uniqueArray(fc.constantFrom(..."abcdefghij"), { maxLength: 2 }),
  steps: fc.nat(3),
});
const includes = compileWhere({ column: "s", ne: "y" }, context);

describe("an ordered index", () => {
  it("has, once it is whole, the channel's rows in order, and finds what stands after each place", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ORDERS),
        fc.array(commit, { minLength: 1, maxLength: 12 }),
        fc.nat(4),
        (orderBy, commits, begin) => {
          const table = new LiveTable(channel, 0);
          const order = new IndexOrder(orderBy, context);
          let index: OrderedIndex | undefined;
          commits.forEach(({ upserts, removes, steps }, at) => {
            if (at >= begin)
              index ??= new OrderedIndex({ order, includes, rows: table.rows.values() });
            const point = { seq: at + 1, timeMs: 0 };
            const changes = table.apply(
              {
                channel: "c",
                upserts: upserts.map((each) => ({ key: each.id, row: each })),
                removes: removes.filter((key) => !upserts.some(({ id }) => id === key)),
              },
              point,
            );
            for (const change of [...changes, ...table.evict(point, point.seq)]) {
              const step = index?.follow(change);
              expect(index?.follow(change)).toBe(step);
            }
            index?.build(steps);
          });
          if (index === undefined) return;
          while (!index.build(1)) continue;
          const ranked = compileOrder(orderBy, context);
          const found = [...table.rows.values()]
            .filter((node) => includes(node.row))
            .toSorted((left, right) =>
              orderBy.length > 0
                ? ranked(left, right)
                : right.seq - left.seq || ranked(left, right),
            );
          const texts = (places: Iterable<Place>): readonly string[] =>
            Array.from(places, ({ key, json, seq }) => `${key} ${json} ${seq}`);
          const all = found.map(({ key, json, seq }) => `${key} ${json} ${seq}`);
          expect(texts(index.after(BEFORE_ALL))).toEqual(all);
          expect(texts(index.after(AFTER_ALL))).toEqual([]);
          expect(index.entries).toBe(all.length);
          for (const [at, place] of [...index.after(BEFORE_ALL)].entries()) {
            expect(table.rows.get(place.key)).toBe(place);
            expect(texts(index.after(place))).toEqual(all.slice(at + 1));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds the rows on each side of a bound, with nulls where the order puts them", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ORDERS.slice(1)),
        fc.uniqueArray(row, { selector: ({ id }) => id }),
        fc.constantFrom(0, 1, 2, 3, 4, null),
        (orderBy, rows, value) => {
          const table = new LiveTable(channel, 0);
          const upserts = rows.map((each) => ({ key: each.id, row: each }));
          table.apply({ channel: "c", upserts, removes: [] }, { seq: 1, timeMs: 0 });
          const order = new IndexOrder(orderBy, context);
          const index = new OrderedIndex({
            order,
            includes: () => true,
            rows: table.rows.values(),
          });
          expect(index.build(100)).toBe(true);
          const keysAfter = (place: Place): readonly string[] =>
            Array.from(index.after(place), ({ key }) => key);
          const keys = keysAfter(BEFORE_ALL);
          const valueOf = (key: string) => rows.find(({ id }) => id === key)?.n ?? null;
          const before = keysAfter(order.bound(value, "before"));
          const after = keysAfter(order.bound(value, "after"));
          expect(before).toEqual(keys.slice(keys.length - before.length));
          expect(before.slice(0, before.length - after.length)).toEqual(
            keys.filter((key) => valueOf(key) === value),
          );
          if (value === null) return;
          const { first } = order;
          const rank = (of: number): number => (first?.direction === "desc" ? -of : of);
          for (const key of keys) {
            const of = valueOf(key);
            const isAfter = of === null ? first?.nulls === "last" : rank(of) > rank(value);
            expect(after.includes(key)).toBe(isAfter);
          }
        },
      ),
    );
  });
});
