import { describe, expect, it } from "vitest";
import { BatchPace } from "./batch-pace.ts";
import type { HistoryStep } from "./step.ts";

function stepOf(rows: number): HistoryStep {
  const [seq, timeMs] = [1, 0];
  const entries = Array.from({ length: rows }, (_, index) => {
    return { channel: "trades", kind: "remove", key: `t${index}`, seq, timeMs } as const;
  });
  return { seq, timeMs, declares: [], entries, sourcePositions: [], requestIds: [], bytes: 0 };
}

describe("the pace of batches", () => {
  const pace = (): BatchPace => new BatchPace(() => ({ maxRows: 5, maxDelayMs: 200 }));

  it("waits for maxRows rows, or for maxDelayMs", () => {
    const due = pace();
    due.add(stepOf(4), 1_000);
    expect(due.waitMs(1_050, true)).toBe(150);
    due.add(stepOf(1), 1_050);
    expect(due.waitMs(1_050, true)).toBeLessThanOrEqual(0);
  });

  it("rests three times as long as a batch took, but no row waits longer than maxDelayMs", () => {
    const due = pace();
    due.begin();
    due.end(20, 1_000);
    due.add(stepOf(5), 1_010);
    expect(due.waitMs(1_010, true)).toBe(50);
    due.begin();
    due.end(500, 2_000);
    due.add(stepOf(5), 2_010);
    expect(due.waitMs(2_010, true)).toBe(200);
  });

  it("does not rest while somebody waits for a row", () => {
    const due = pace();
    due.end(20, 1_000);
    due.add(stepOf(5), 1_010);
    expect(due.waitMs(1_010, false)).toBeLessThanOrEqual(0);
  });

  it("lets a step without rows wait as long, and nothing when there is none", () => {
    const due = pace();
    due.add(stepOf(0), 1_000);
    expect(due.waitMs(1_000, true)).toBe(200);
    expect(pace().waitMs(1_000, true)).toBe(0);
  });
});
