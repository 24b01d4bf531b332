/** How the patterns benchmark judges what widgets showed. */
import { expect, it } from "vitest";
import type { Order } from "../bench/patterns/orders.ts";
import { judge, type MadeOrder, type Shown } from "../bench/patterns/truth.ts";

const order = (number: number, version: number, status: Order["status"] = "open"): Order => ({
  id: `t${number}`,
  symbol: "S1",
  price: "1",
  quantity: "1",
  side: "buy",
  venue: "v",
  sent_ms: 0,
  seen_unix_ms: 0,
  trade_id: number,
  note: "",
  status,
  version,
});
const at = (atMs: number, made: Order): MadeOrder => ({ atMs, order: made });
const shown = (atMs: number, ...rows: [number, number][]): Shown => ({
  atMs,
  isMarked: false,
  rows: rows.map(([number, version]) => [`t${number}`, version]),
});
/** Two rows are shown, and a widget may be late by a second. */
const verdictOf = (made: readonly MadeOrder[], ...samples: readonly Shown[]) =>
  judge(made, samples, { limit: 2, graceMs: 1_000 });

const MADE = [at(0, order(1, 1)), at(10, order(2, 1)), at(20, order(3, 1))];

it("finds nothing in a list that is right, or late by less than it may be", () => {
  expect(verdictOf(MADE, shown(2_000, [3, 1], [2, 1]))).toEqual({
    wrong: 0,
    missing: 0,
    all: 2,
    marked: 0,
  });
  const changed = [...MADE, at(1_500, order(3, 2)), at(1_600, order(2, 2, "done"))];
  expect(verdictOf(changed, shown(2_000, [3, 1], [2, 1]))).toMatchObject({ wrong: 0, missing: 0 });
  expect(verdictOf(changed, shown(2_000, [3, 2], [1, 1]))).toMatchObject({ wrong: 0, missing: 0 });
});

it("counts versions that are old, and rows that have left", () => {
  const changed = [...MADE, at(100, order(3, 2)), at(200, order(2, 2, "done"))];
  expect(verdictOf(changed, shown(2_000, [3, 1], [2, 1]))).toEqual({
    wrong: 2,
    // The first order is in sight again since the second one has left.
    missing: 1,
    all: 3,
    marked: 0,
  });
  expect(verdictOf(changed, shown(2_000, [3, 2], [1, 1]))).toEqual({
    wrong: 0,
    missing: 0,
    all: 2,
    marked: 0,
  });
});

it("counts a row as missing only when it has been in sight for long enough", () => {
  const later = [...MADE, at(1_500, order(3, 2, "done"))];
  expect(verdictOf(later, shown(2_000, [2, 1]))).toMatchObject({ missing: 0 });
  expect(verdictOf(later, shown(2_000, [2, 1]), shown(2_600, [2, 1]))).toMatchObject({
    missing: 1,
  });
});

it("does not judge a widget that says that it is not live", () => {
  const sample = { ...shown(5_000, [1, 1]), isMarked: true };
  expect(verdictOf(MADE, sample)).toEqual({ wrong: 0, missing: 0, all: 0, marked: 1 });
});
