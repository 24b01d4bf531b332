/**
 * The router finds exactly the views that a change can affect: over all column types, with equal
 * bounds, nulls and values that their column's type does not allow, while views come and go.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import { LiveTable } from "./live-table.ts";
import { routeOf, type Route } from "./route.ts";
import { ViewRouter } from "./router.ts";
import type { View } from "./view.ts";

/** By column, which has the type of its name: operands, values, and values of other types. */
const VALUES: Readonly<Record<string, readonly (readonly JsonValue[])[]>> = {
  integer: [
    [-5, -0, 0, 1, 2, "2", 3, 1e21],
    ["1e-400", "word", "0x10", " 5 ", true, { a: 1 }],
  ],
  float: [
    [-1.5, 0, 0.1, 1e-7, 2.5, "Infinity", "-Infinity", "NaN"],
    ["-", "1e400", "2e-324"],
  ],
  bigint: [
    ["9007199254740993", "9007199254740992", 9007199254740992, "-1", 0, "12345678901234567890"],
    ["", "9e15", false],
  ],
  numeric: [
    ["1", "1.0", "1.50", 1.5, "0.1", 0.1, "0.10000000000000000001", "-0.00", "NaN"],
    ["one", "1e-399", "12e-1", [1]],
  ],
  text: [
    ["", "a", "A", "ab", "ä", "\ud7ff", "\ue000", "\u{10000}"],
    [5, false, { a: 1 }, ["a"]],
  ],
  boolean: [
    [false, true],
    [0, 1, "true"],
  ],
  timestamp: [
    [
      "2026-01-31T12:00:00+00:00",
      "2026-01-31T12:00:00.000Z",
      "2026-01-31T12:00:00.5Z",
      "2026-01-31",
      "12026-01-31T12:00:00+00:00",
      "0044-03-15T00:00:00+00:00 BC",
      "infinity",
      "-infinity",
    ],
    ["abcd-xyz1", "15", "!", 2026, "2026-1", "99-01-01T00:00:00Z", "12026-02-30T00:00:00"],
  ],
  date: [
    ["2026-01-31", "2026-02-01", "2025-12-31", "0044-03-15 BC", "infinity"],
    ["soon", "1"],
  ],
  any: [
    [-1, 0, 1, 2.5, "", "a", "b", false, true],
    [{ a: 1 }, ["a"]],
  ],
};
const COLUMNS = Object.keys(VALUES);
const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: ["id", ...COLUMNS].map((name) => ({
    name,
    type: name === "id" ? "text" : (name as "any"),
  })),
});
const context = whereContextOf(channel);

const operandOf = (column: string) =>
  fc.constantFrom<JsonValue>(...(VALUES[column]?.[0] ?? []), null);
const wildValueOf = (column: string) =>
  fc.oneof(
    { weight: 4, arbitrary: operandOf(column) },
    { weight: 1, arbitrary: fc.constantFrom<JsonValue>(...(VALUES[column]?.[1] ?? [])) },
  );
const isOperand = (column: string, value: JsonValue): boolean =>
  value === null || VALUES[column]?.[0]?.includes(value) === true;
const rowOf = (valueOf: (column: string) => fc.Arbitrary<JsonValue>): fc.Arbitrary<Row> =>
  fc.record(Object.fromEntries(COLUMNS.map((column) => [column, valueOf(column)])));

const condition = fc.constantFrom(...COLUMNS).chain((column) =>
  fc.oneof<fc.Arbitrary<WireWhere>[]>(
    fc
      .tuple(fc.constantFrom("lt", "lte", "gt", "gte"), operandOf(column))
      .map(([operator, operand]) => ({ column, [operator]: operand }) as unknown as WireWhere),
    fc
      .tuple(operandOf(column), operandOf(column))
      .map(([low, high]) => ({ column, between: [low, high] as const })),
  ),
);
/** One term, or two of one column. */
const interval = fc.tuple(condition, condition).map(([first, second]): WireWhere => {
  const isOfOne = "column" in first && "column" in second && first.column === second.column;
  return isOfOne ? { and: [first, second] } : first;
});
const other: fc.Arbitrary<WireWhere> = fc.oneof(
  fc
    .constantFrom(...COLUMNS)
    .chain((column) => operandOf(column).map((operand) => ({ column, eq: operand }))),
  fc
    .constantFrom(...COLUMNS)
    .chain((column) =>
      fc.array(operandOf(column), { maxLength: 3 }).map((operands) => ({ column, in: operands })),
    ),
  condition.map((not) => ({ not })),
  // An operand that an index can't rely on.
  fc.constant({ column: "numeric", gte: "12e-1" }),
  fc.array(condition, { maxLength: 2 }).map((or) => ({ or })),
);
const mixed = fc.array(fc.oneof(condition, other), { maxLength: 4 }).map((and) => ({ and }));

type Step =
  | { readonly add: WireWhere }
  | { readonly remove: number }
  | { readonly key: string; readonly row: Row | undefined };

interface Found {
  readonly visited: readonly View[];
  readonly rows: readonly Row[];
  readonly cases: readonly {
    readonly view: View;
    readonly where: WireWhere;
    readonly isAffected: boolean;
  }[];
}

/** Applies the steps, and gives for each change the views that were found. */
function* found(steps: readonly Step[], columnsMax: number): Generator<Found> {
  const live = new LiveTable(channel, 0);
  const router = new ViewRouter<View>(context, live.rows, columnsMax);
  const views = new Map<View, { readonly where: WireWhere; readonly route: Route }>();
  for (const [index, step] of steps.entries()) {
    if ("add" in step) {
      const view = { id: `${index}` } as View;
      const route = router.usable(routeOf(step.add, context));
      router.add(view, route);
      views.set(view, { where: step.add, route });
    } else if ("remove" in step) {
      const [view, { route } = {}] = [...views][step.remove % Math.max(1, views.size)] ?? [];
      if (view === undefined || route === undefined) continue;
      router.remove(view, route);
      views.delete(view);
    } else {
      const { key, row } = step;
      const change =
        row === undefined
          ? { upserts: [], removes: [key] }
          : { upserts: [{ key, row }], removes: [] };
      const point = { seq: index + 1, timeMs: 0 };
      for (const each of live.apply({ channel: "c", ...change }, point)) {
        const visited: View[] = [];
        router.route(each, (view) => visited.push(view));
        const rows = [each.before?.row, each.after?.row].filter((at) => at !== undefined);
        const cases = Array.from(views, ([view, { where }]) => ({
          view,
          where,
          isAffected: rows.some(compileWhere(where, context)),
        }));
        yield { visited, rows, cases };
      }
    }
  }
}

const stepsOf = (where: fc.Arbitrary<WireWhere>, row: fc.Arbitrary<Row>) =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: where }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.nat(30) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          key: fc.constantFrom("a", "b", "c"),
          row: fc.option(row, { nil: undefined, freq: 6 }),
        }),
      },
    ),
    { minLength: 20, maxLength: 80 },
  );

describe("the router", { timeout: 60_000 }, () => {
  it("finds the views whose interval has the row before or after, each once, and no others", () => {
    let hits = 0;
    fc.assert(
      fc.property(stepsOf(interval, rowOf(wildValueOf)), (steps) => {
        for (const { visited, cases, rows } of found(steps, 16)) {
          expect(new Set(visited).size).toBe(visited.length);
          for (const { view, where, isAffected } of cases) {
            const { column = "" } = routeOf(where, context).range ?? {};
            const isOrderly = rows.every((each) => isOperand(column, each[column] ?? null));
            if (isAffected) hits++;
            if (isAffected || isOrderly) expect(visited.includes(view)).toBe(isAffected);
          }
        }
      }),
      { numRuns: 400 },
    );
    expect(hits).toBeGreaterThan(1_000);
  });

  it("misses no view with equalities, groups and ranges of several columns, also with few indexed columns", () => {
    fc.assert(
      fc.property(
        stepsOf(fc.oneof(mixed, other), rowOf(operandOf)),
        fc.nat(3),
        (steps, columnsMax) => {
          for (const { visited, cases } of found(steps, columnsMax))
            for (const { view, isAffected } of cases)
              if (isAffected) expect(visited).toContain(view);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("a route", () => {
  const routed = (...and: readonly WireWhere[]) => routeOf({ and }, context);
  const bound = (value: JsonValue, isOpen: boolean) => ({ value, isOpen });

  it("is the interval that all range terms of a column have in common", () => {
    expect(
      routed(
        { column: "integer", gt: 1 },
        { and: [{ column: "integer", lte: "9" }] },
        { column: "integer", gte: 1 },
        { column: "integer", between: [0, 9] },
      ).range,
    ).toEqual({
      column: "integer",
      interval: { lower: bound(1, true), upper: bound("9", false) },
    });
  });

  it("prefers two ends to one, and no interval where nothing can match", () => {
    const open = { column: "text", gt: "a" } as const;
    const closed = { column: "integer", between: [1, 2] } as const;
    expect(routed(open, closed).range?.column).toBe("integer");
    for (const never of [
      { column: "date", lt: null },
      { column: "float", between: [2, 1] },
      { column: "any", between: [1, "b"] },
      {
        and: [
          { column: "boolean", gt: true },
          { column: "boolean", lte: true },
        ],
      },
    ] as const)
      expect(routed(open, closed, never).range?.interval).toBeUndefined();
  });

  it("has the equality with the fewest values, and the range beside it", () => {
    const { equality, range } = routed(
      { column: "text", in: ["a", "b"] },
      { column: "integer", gt: 1 },
      { column: "boolean", eq: true },
    );
    expect([equality?.column, range?.column]).toEqual(["boolean", "integer"]);
  });

  it("is none for a part of `or` or `not`, and for what only like, regex or ne require", () => {
    for (const where of [
      { or: [{ column: "integer", gt: 1 }] },
      { not: { column: "integer", gt: 1 } },
      { column: "text", like: "a%" },
      { column: "text", ne: "a" },
    ] as const)
      expect(routed(where)).toEqual({ equality: undefined, range: undefined });
  });
});
