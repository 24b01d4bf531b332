/** Which differences of two live snapshots are real. */
import { describe, expect, it } from "vitest";
import { ChannelComparison, type ChannelReport } from "./channel-comparison.ts";
import { parsePairs, type PairOptions } from "./channel-pairs.ts";
import { parseSnapshot, type ChannelRows, type Side } from "./snapshot.ts";
import { SAMPLES_MAX, SETTLE_SAMPLES_MIN } from "./suspicions.ts";

interface Row {
  readonly id: string;
  readonly [column: string]: unknown;
}

const SETTLE_MS = 3_000;
const STEP_MS = 300;
const NONE: PairOptions = { keys: [], renames: [], ignored: [], approximate: [] };

/** Observes each sample, `STEP_MS` apart. */
function compare(
  samples: number,
  rowsAt: (sample: number) => Readonly<Record<Side, readonly Row[]>>,
  options: Partial<PairOptions> = {},
): ChannelReport {
  const pairs = parsePairs({ ...NONE, keys: ["tx=id"], ...options });
  const [pair] = pairs;
  if (pair === undefined) throw new Error("There is no pair.");
  const comparison = new ChannelComparison({ pair, settleMs: SETTLE_MS });
  for (let sample = 0; sample < samples; sample++) {
    const rows = rowsAt(sample);
    const of = (side: Side): ChannelRows => {
      const snapshot = parseSnapshot(JSON.stringify({ tx: rows[side] }), side, pairs);
      return snapshot.channels.get("tx") as ChannelRows;
    };
    comparison.observe(of("left"), of("right"), sample * STEP_MS);
  }
  return comparison.report;
}

const same = (rows: readonly Row[]): Readonly<Record<Side, readonly Row[]>> => ({
  left: rows,
  right: rows,
});
const SETTLED = SETTLE_MS / STEP_MS + 1;
const a = { id: "a", n: 1 };
const b = { id: "b", n: 1 };

describe("a difference that stands for a settle is real", () => {
  it.each([
    ["a row that the right drops", { left: [a, b], right: [a] }, "missing right"],
    ["a row that only the right has", { left: [a], right: [a, b] }, "missing left"],
    ["an old value", { left: [a, b], right: [a, { id: "b", n: 0 }] }, "differing value"],
  ] as const)("%s", (_, rows, kind) => {
    // Before the settle is over there is no verdict.
    expect(compare(SETTLED - 1, () => rows)).toMatchObject({
      differing_keys: 0,
      undecided: kind === "differing value" ? 1 : 2,
    });
    const report = compare(SETTLED, () => rows);
    expect(report).toMatchObject({ differing_keys: 1, undecided: 0 });
    expect(report.examples).toMatchObject([{ key: ["b"], kind }]);
  });

  it("also where the other side's row changes all the time", () => {
    const rowsAt = (n: number) => ({ left: [{ id: "a", n }], right: [{ id: "a", n: 0 }] });
    // At first both have the same.
    expect(compare(SETTLED + 1, rowsAt)).toMatchObject({ differing_values: 1 });
    const dropped = (n: number) => ({ left: [{ id: "a", n }], right: [] });
    expect(compare(SETTLED, dropped)).toMatchObject({ missing_right: 1 });
  });

  it("also where both change all the time, and never agree", () => {
    const rowsAt = (n: number) => ({ left: [{ id: "a", n, x: 1 }], right: [{ id: "a", n, x: 2 }] });
    expect(compare(SAMPLES_MAX - 1, rowsAt)).toMatchObject({ differing_keys: 0, undecided: 1 });
    const report = compare(SAMPLES_MAX, rowsAt);
    expect(report).toMatchObject({ differing_values: 1, undecided: 0 });
    expect(report.examples[0]?.columns).toEqual({ x: { left: "1", right: "2" } });
  });

  it("also where no row is missing for long: a side that drops each row early", () => {
    const ring = (n: number, size: number): readonly Row[] =>
      Array.from({ length: size }, (_, index) => ({ id: String(n + 10 - index), n: 1 }));
    const report = compare(SETTLED, (n) => ({ left: ring(n, 10), right: ring(n, 9) }));
    expect(report).toMatchObject({ differing_keys: 0, differing_counts: { left: 10, right: 9 } });
  });
});

describe("a difference of time is not real", () => {
  it("where one side is behind by less than the settle, in whatever changes", () => {
    const rowsAt = (n: number): readonly Row[] => [
      { id: "hot", n },
      { id: "slow", n: Math.floor(n / 20) },
      { id: `of ${Math.floor(n / 12)}`, n: 1 },
      ...Array.from({ length: 50 }, (_, index) => ({ id: `ring ${n - index}`, n: 1 })),
    ];
    for (const behind of [-9, -1, 1, 9]) {
      const report = compare(SAMPLES_MAX - 1, (n) => ({
        left: rowsAt(n),
        right: rowsAt(n + behind),
      }));
      // Only the row that changes in each sample has not yet agreed.
      expect(report).toMatchObject({ differing_keys: 0, differing_counts: null });
      expect(report.settled.count).toBeGreaterThan(50);
      expect(report.settled.ms_max).toBeLessThanOrEqual(SETTLE_MS);
    }
  });

  it("where rows that change all the time agree now and then", () => {
    const report = compare(10 * SAMPLES_MAX, (n) => ({
      left: [{ id: "a", n }],
      right: [{ id: "a", n: n % 30 === 0 ? n : n - 1 }],
    }));
    expect(report).toMatchObject({ differing_keys: 0 });
  });

  it("and at the end only what waits for its verdict is followed", () => {
    const pairs = parsePairs({ ...NONE, keys: ["tx=id"] });
    const comparison = new ChannelComparison({ pair: pairs[0] as never, settleMs: SETTLE_MS });
    const rows = (...keys: readonly string[]): ChannelRows => ({
      rows: new Map(keys.map((key) => [key, "{}"])),
      seq: 1,
    });
    comparison.observe(rows("a", "b"), rows("b"), 0);
    comparison.close();
    for (let sample = 1; sample < SETTLED - 1; sample++)
      comparison.observe(rows("a", String(sample)), rows("a"), sample * STEP_MS);
    expect(comparison.report).toMatchObject({ differing_keys: 0, undecided: 1 });
    // The numbers of rows wait, too.
    comparison.observe(rows("a", "c"), rows("a", "d"), SETTLED * STEP_MS);
    expect(comparison.report).toMatchObject({ differing_keys: 0, undecided: 0 });
  });

  it("and needs several samples, however far they are apart", () => {
    expect(SETTLE_SAMPLES_MIN).toBeGreaterThan(4);
    const pairs = parsePairs({ ...NONE, keys: ["tx=id"] });
    const comparison = new ChannelComparison({ pair: pairs[0] as never, settleMs: 1 });
    const rows = (n: number): ChannelRows => ({ rows: new Map([["a", String(n)]]), seq: 1 });
    for (let sample = 1; sample < SETTLE_SAMPLES_MIN; sample++)
      comparison.observe(rows(1), rows(2), sample * 60_000);
    expect(comparison.report).toMatchObject({ differing_keys: 0, undecided: 1 });
    comparison.observe(rows(1), rows(1), SETTLE_SAMPLES_MIN * 60_000);
    expect(comparison.report).toMatchObject({ differing_keys: 0, undecided: 0 });
  });
});

describe("what is compared", () => {
  it("is each column, in whatever order, but those that are ignored", () => {
    const left = [{ id: "a", n: { x: 1, y: [2] }, seen: 1 }];
    const right = [{ seen: 2, n: { y: [2], x: 1 }, id: "a" }];
    expect(compare(SETTLED, () => ({ left, right })).examples[0]?.columns).toEqual({
      seen: { left: "1", right: "2" },
    });
    const ignored = compare(SETTLED, () => ({ left, right }), { ignored: ["tx=seen"] });
    expect(ignored).toMatchObject({ differing_keys: 0, ignored: ["seen"] });
    const absent = compare(SETTLED, () => ({ left: [a], right: [{ ...a, more: null }] }));
    expect(absent.examples[0]?.columns).toEqual({ more: { left: "absent", right: "null" } });
  });

  it("is a number to its billionth where the column is approximate", () => {
    const at = (value: number) => ({
      left: [{ id: "a", value: 0.3 }],
      right: [{ id: "a", value }],
    });
    const near = (value: number, options: Partial<PairOptions> = { approximate: ["tx=value"] }) =>
      compare(SETTLED, () => at(value), options).differing_keys;
    expect(near(0.1 + 0.2)).toBe(0);
    expect(near(0.300001)).toBe(1);
    expect(near(0.1 + 0.2, {})).toBe(1);
    expect(near(0.1 + 0.2, { approximate: ["tx=other"] })).toBe(1);
  });

  it("counts each key once, and keeps a few examples", () => {
    const rows = Array.from({ length: 40 }, (_, index) => ({ id: String(index), n: 1 }));
    const report = compare(2 * SETTLED - 1, () => ({ left: rows, right: [] }));
    expect(report).toMatchObject({
      missing_right: 40,
      differing_keys: 40,
      undecided: 0,
      rows: { left: 40, right: 0 },
    });
    expect(report.examples).toHaveLength(5);
    expect(compare(SETTLED, () => same(rows))).toMatchObject({ differing_keys: 0, undecided: 0 });
  });
});
