import { describe, expect, it } from "vitest";
import { POSTGRES_LIMITS } from "./limits.ts";
import { firstPace, nextPace } from "./pacing.ts";

const limits = POSTGRES_LIMITS;
const read = { changes: 0, nowMs: 0, readMs: 1, maySleep: true };

describe("the reader's pace", () => {
  it("is fast while changes come, and rests longer after longer reads, up to a bound", () => {
    const pace = firstPace(0, limits);
    expect(nextPace(pace, { ...read, changes: 3, readMs: 0.2 }, limits).delayMs).toBe(
      limits.pollMs,
    );
    expect(nextPace(pace, { ...read, changes: 3, readMs: 3 }, limits).delayMs).toBe(18);
    expect(nextPace(pace, { ...read, changes: 3, readMs: 500 }, limits).delayMs).toBe(
      limits.pollBusyMsMax,
    );
  });

  it("slows down when nothing changes, sleeps after a quiet second, and wakes with the first change", () => {
    let pace = firstPace(0, limits);
    for (let nowMs = 0; nowMs < limits.sleepAfterMs; nowMs += 100)
      pace = nextPace(pace, { ...read, nowMs }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollIdleMsMax, isAsleep: false });
    pace = nextPace(pace, { ...read, nowMs: limits.sleepAfterMs }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollAsleepMs, isAsleep: true });
    expect(nextPace(pace, { ...read, nowMs: 9_000, changes: 1 }, limits)).toMatchObject({
      isAsleep: false,
      quietSinceMs: 9_000,
    });
  });

  it("never sleeps when writers can't notify", () => {
    const pace = nextPace(
      firstPace(0, limits),
      { ...read, nowMs: 60_000, maySleep: false },
      limits,
    );
    expect(pace.isAsleep).toBe(false);
  });
});
