/**
 * Many windows that share indexes, with different filters, limits and policies, and with reserves
 * so small that they walk often: after every commit each equals a slow recomputation, whenever it
 * was opened, however few rows were looked at between two commits, and whatever came between the
 * steps in which the windows followed a commit.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import { CHANNEL_HISTORY } from "../log/limits.ts";
import type { Commit } from "../log/log.ts";
import { compileOrder } from "../protocol/order.ts";
import { parseQuery } from "../protocol/parse-query.ts";
import type { WireOrderBy, WireQuery, WireWhere } from "../protocol/query.ts";
import { compileWhere } from "../protocol/where.ts";
import type { Row } from "../protocol/row.ts";
import { whereContextOf } from "./channel.ts";
import type { LiveTable } from "./live-table.ts";
import { Replica } from "./replica.ts";
import type { View } from "./view.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "n", type: "integer" },
    { name: "p", type: "numeric" },
    { name: "s", type: "text" },
  ],
  bounds: { rowsMax: 30, ageMsMax: 200 },
});
/** A key that leaves it may be outside its table, and is told as a change without a row. */
const withHistory = {
  ...channel,
  bounds: { ...channel.bounds, rowsMax: 8 },
  history: CHANNEL_HISTORY,
};
const context = whereContextOf(channel);
const KEYS = Array.from({ length: 40 }, (_, index) => `k${index}`);
const row = fc.record({
  id: fc.constantFrom(...KEYS),
  n: fc.option(fc.nat(9), { nil: null, freq: 8 }),
  p: fc.constantFrom("1", "1.50", "1.5", "2", "10", "-3", null),
  s: fc.constantFrom("x", "y", "z", null),
});
const term: fc.Arbitrary<WireWhere> = fc.oneof(
  fc.nat(9).map((n) => ({ column: "n", gt: n })),
  fc.nat(9).map((n) => ({ column: "n", lte: n })),
  fc.tuple(fc.nat(9), fc.nat(9)).map((between) => ({ column: "n", between })),
  fc.nat(9).map((n) => ({ column: "n", ne: n })),
  fc.constantFrom("1.5", "2", 9).map((p) => ({ column: "p", gte: p })),
  fc.constantFrom("1.50", "2").map((p) => ({ column: "p", lt: p })),
  fc.constantFrom("x", "y").map((s) => ({ column: "s", eq: s })),
  fc.constantFrom("x", "y").map((s) => ({ not: { column: "s", eq: s } })),
  fc.constant({ column: "s", in: ["x", "z"] }),
  fc.constant({ column: "s", like: "%x%" }),
);
const where = fc.oneof(
  { weight: 3, arbitrary: term },
  { weight: 2, arbitrary: fc.tuple(term, term).map((and) => ({ and })) },
  { weight: 1, arbitrary: fc.tuple(term, term).map((or) => ({ or })) },
);
const ORDERS: readonly (readonly WireOrderBy[])[] = [
  [],
  [{ column: "n" }],
  [{ column: "n", direction: "desc" }],
  [{ column: "n", nulls: "first" }, { column: "s" }],
  [{ column: "n", direction: "desc", nulls: "last" }],
  [{ column: "p" }],
];
const window = fc.record({
  where: fc.option(where, { nil: undefined, freq: 5 }),
  order: fc.constantFrom(...ORDERS),
  limit: fc.constantFrom(1, 2, 3, 5, 100),
  columns: fc.option(fc.constant(["s"]), { nil: undefined, freq: 3 }),
  policy: fc.option(where, { nil: undefined, freq: 4 }),
});
const commit = fc.record({
  upserts: fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 8, size: "max" }),
  removes: fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 6, size: "max" }),
  isReload: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  waitMs: fc.nat(12),
  /** Commits that the store does not hold yet. */
  storeLag: fc.oneof(fc.constant(0), fc.nat(5)),
  /** The steps in which the views follow before something else comes; then the rest. */
  followSteps: fc.oneof(fc.nat(12), fc.constant(Number.POSITIVE_INFINITY)),
});
const step = fc.oneof(
  { weight: 8, arbitrary: commit },
  { weight: 2, arbitrary: fc.record({ open: window }) },
  { weight: 1, arbitrary: fc.record({ close: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.constant("fill" as const) },
  { weight: 1, arbitrary: fc.constant("refill" as const) },
  { weight: 1, arbitrary: fc.constant("follow" as const) },
);
const limits = fc.record({
  windowReserveRows: fc.constantFrom(0, 1, 2, 5),
  windowStepsPerRowMax: fc.constantFrom(1, 2, 200),
  fillStepRows: fc.constantFrom(1, 3, 64),
});

interface Opened {
  readonly query: WireQuery;
  readonly policy: WireWhere | undefined;
  view: View;
  isWhole: boolean;
  /** The rows of a client that reads each commit, once the view is whole. */
  store: Map<string, string> | undefined;
  cursor: number;
}

/** The view's rows, recomputed from the whole table. */
function truthOf(table: LiveTable, { query, policy }: Opened): readonly (readonly [string, Row])[] {
  const { order_by = [], limit, columns } = query;
  const ranked = compileOrder(order_by, context);
  const isVisible = [policy, query.where].map((each) =>
    each === undefined ? () => true : compileWhere(each, context),
  );
  const shown = columns && ["id", ...columns, ...order_by.map(({ column }) => column)];
  return [...table.rows.values()]
    .filter((node) => isVisible.every((matches) => matches(node.row)))
    .toSorted((left, right) =>
      order_by.length > 0 ? ranked(left, right) : right.seq - left.seq || ranked(left, right),
    )
    .slice(0, limit)
    .map(({ key, row: value }) => [
      key,
      Object.fromEntries(
        Object.entries(value).filter(([name]) => shown === undefined || shown.includes(name)),
      ) as Row,
    ]);
}

function check(replica: Replica, opened: Opened): void {
  const truth = new Map(truthOf(replica.table("c") as LiveTable, opened));
  const { rows } = opened.view;
  const shown = new Map([...rows.values()].map(({ key, json }) => [key, JSON.parse(json) as Row]));
  expect(shown).toEqual(truth);
  if (opened.store === undefined) {
    opened.store = new Map([...rows.values()].map(({ key, json }) => [key, json]));
  } else {
    const { upserts = [], removes = [] } = opened.view.changesSince(opened.cursor) ?? {};
    for (const { key, json, seq } of upserts) {
      expect(seq).toBeGreaterThan(opened.cursor);
      opened.store.set(key, json);
    }
    for (const { key } of removes) opened.store.delete(key);
    const texts = [...opened.store].map(([key, json]) => [key, JSON.parse(json) as Row] as const);
    expect(new Map(texts)).toEqual(truth);
  }
  opened.cursor = rows.lastSeq;
}

function commitOf(
  {
    upserts,
    removes,
    isReload,
    storeLag,
  }: Omit<typeof commit extends fc.Arbitrary<infer C> ? C : never, "waitMs" | "followSteps">,
  { seq, timeMs, hasHistory }: { seq: number; timeMs: number; hasHistory: boolean },
): Commit {
  const written = new Set(upserts.map(({ id }) => id));
  return {
    seq,
    timeMs,
    declares: [hasHistory ? withHistory : channel],
    ...(hasHistory && { durableSeq: Math.max(0, seq - 1 - storeLag) }),
    changes: [
      {
        channel: "c",
        upserts: upserts.map((each) => ({ key: each.id, row: each })),
        removes: removes.filter((key) => !written.has(key)),
        ...(isReload && { reload: true as const }),
      },
    ],
  };
}

describe("windows that share indexes", () => {
  it(
    "equal a recomputation after every commit, whatever their reserves and slices",
    { timeout: 60_000 },
    () => {
      let runsOutside = 0;
      fc.assert(
        fc.property(
          limits,
          fc.array(row, { minLength: 10, maxLength: 40, size: "max" }),
          fc.array(window, { minLength: 1, maxLength: 8, size: "max" }),
          fc.record({ isFilled: fc.boolean(), hasHistory: fc.boolean() }),
          fc.array(step, { minLength: 12, maxLength: 40, size: "max" }),
          (given, rows, first, { isFilled, hasHistory }, steps) => {
            const replica = new Replica(given);
            const opened: Opened[] = [];
            let timeMs = 0;
            let isOutside = false;
            const made = (each: Parameters<typeof commitOf>[0]): Commit =>
              commitOf(each, { seq: replica.seq + 1, timeMs, hasHistory });
            const open = ({
              order,
              limit,
              columns,
              policy,
              where: filter,
            }: typeof window extends fc.Arbitrary<infer W> ? W : never): void => {
              const query = parseQuery({
                channel: "c",
                limit,
                ...(order.length > 0 && { order_by: order }),
                ...(filter !== undefined && { where: filter }),
                ...(columns !== undefined && { columns }),
              });
              const view = replica.open(query, policy);
              opened.push({ query, policy, view, isWhole: false, store: undefined, cursor: 0 });
            };
            const unique = new Map(rows.map((each) => [each.id, each]));
            const nothing = { removes: [], isReload: false, storeLag: 0 };
            replica.apply(made({ ...nothing, upserts: [...unique.values()] }));
            for (const each of first) open(each);
            for (const one of opened)
              one.isWhole = isFilled && replica.fill(one.view, () => false) === "whole";
            for (const each of steps) {
              if (each === "fill") {
                for (const one of opened)
                  one.isWhole = one.isWhole || replica.fill(one.view, () => true) === "whole";
              } else if (each === "refill") replica.refill(() => true);
              else if (each === "follow") replica.follow(() => true);
              else if ("open" in each) open(each.open);
              else if ("close" in each) {
                const [gone] = opened.splice(each.close % Math.max(1, opened.length), 1);
                if (gone !== undefined) replica.release(gone.view, 0);
                replica.sweep(1e9);
              } else {
                replica.follow(() => false);
                timeMs += each.waitMs;
                const wasOutside = replica.table("c")?.hasRowsOutside === true;
                isOutside ||= wasOutside;
                replica.applyToTables(made(each));
                // Keys outside the table are not known, so a reload ends the views.
                if (wasOutside && each.isReload)
                  for (const one of opened) {
                    one.view = replica.open(one.query, one.policy);
                    one.isWhole = false;
                    one.store = undefined;
                  }
                let left = each.followSteps;
                replica.follow(() => --left <= 0);
              }
              if (!replica.isWhole) continue;
              for (const one of opened) if (one.isWhole) check(replica, one);
            }
            for (const one of opened) {
              expect(replica.fill(one.view, () => false)).toBe("whole");
              check(replica, one);
            }
            for (const { view } of opened) replica.release(view, 0);
            replica.sweep(1e9);
            if (isOutside) runsOutside++;
            expect([replica.viewCount, replica.viewEntries, replica.hasShortWindows]).toEqual([
              0,
              0,
              false,
            ]);
          },
        ),
        { numRuns: 300 },
      );
      expect(runsOutside).toBeGreaterThan(50);
    },
  );
});
