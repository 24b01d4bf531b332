import { describe, expect, it } from "vitest";
import { POSTGRES_LIMITS } from "./limits.ts";
import { firstPace, nextPace, type Pace } from "./pacing.ts";

const limits = POSTGRES_LIMITS;
const read = { changes: 0, notices: 0, nowMs: 0, readMs: 1, commitMs: 0.5, maySleep: true };
const asleep: Pace = {
  restMs: 0,
  delayMs: limits.pollAsleepMs,
  isAsleep: true,
  excess: 0,
  readAtMs: 0,
  pollingSinceMs: 0,
};

/** Reads at the paces that follow, each of what is there since the former read. */
function run(
  first: Pace,
  untilMs: number,
  { perSecond, commitMs = 0.5 }: { readonly perSecond: number; readonly commitMs?: number },
): { readonly pace: Pace; readonly reads: number; readonly asleepMs: number } {
  const gapMs = 1_000 / perSecond;
  let pace = first;
  let reads = 0;
  let asleepMs = 0;
  let dueMs = first.readAtMs + gapMs;
  for (let nowMs = first.readAtMs; nowMs < untilMs; reads++) {
    // While writers notify, the next of them ends the pause.
    const timerMs = nowMs + pace.restMs + pace.delayMs + read.readMs;
    const restedMs = nowMs + pace.restMs + read.readMs;
    nowMs = pace.isAsleep ? Math.min(timerMs, Math.max(restedMs, dueMs)) : timerMs;
    let changes = 0;
    for (; dueMs <= nowMs; dueMs += gapMs) changes++;
    const { isAsleep } = pace;
    if (isAsleep) asleepMs += nowMs - pace.readAtMs;
    const notices = isAsleep ? changes : 0;
    pace = nextPace(pace, { ...read, changes, notices, nowMs, commitMs }, limits);
  }
  return { pace, reads, asleepMs };
}

describe("the reader's pace", () => {
  it("is fast while changes come, and rests longer after longer reads, up to a bound", () => {
    const pace = firstPace(0, limits);
    const delayMs = (readMs: number): number =>
      nextPace(pace, { ...read, changes: 3, readMs }, limits).delayMs;
    expect(delayMs(0.2)).toBe(limits.pollMs);
    expect(delayMs(5)).toBe(5 * limits.pollRestFactor);
    expect(delayMs(500)).toBe(limits.pollBusyMsMax);
  });

  it("slows down when nothing changes, and sleeps after a quiet second, after one more read", () => {
    let pace = firstPace(0, limits);
    for (let nowMs = 0; nowMs < limits.sleepAfterMs; nowMs += 100)
      pace = nextPace(pace, { ...read, nowMs }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollIdleMsMax, isAsleep: false });
    pace = nextPace(pace, { ...read, nowMs: limits.sleepAfterMs }, limits);
    expect(pace).toMatchObject({ delayMs: 0, isAsleep: true });
    // That read finds what was committed before: no reason to wake.
    pace = nextPace(pace, { ...read, nowMs: limits.sleepAfterMs + 1, changes: 2 }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollIdleMsMax, isAsleep: true });
    for (let count = 0; count < 5; count++)
      pace = nextPace(pace, { ...read, nowMs: 2_000 + count }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollAsleepMs, isAsleep: true });
  });

  it("stays asleep while few transactions notify: at most one read each", () => {
    const { pace, reads, asleepMs } = run(asleep, 10_000, { perSecond: 200 });
    expect(pace.isAsleep).toBe(true);
    expect(asleepMs).toBeGreaterThan(9_990);
    expect(reads).toBeLessThan(2_010);
  });

  it("rests after a read that found changes, so that the next has several, and not after others", () => {
    const woken = { ...read, changes: 1, notices: 1 };
    expect(nextPace(asleep, woken, limits).restMs).toBe(limits.pollMs);
    expect(nextPace(asleep, { ...woken, readMs: 5 }, limits).restMs).toBe(
      5 * limits.pollRestFactor,
    );
    expect(nextPace(asleep, read, limits).restMs).toBe(0);
  });

  it("polls while more transactions come than may notify, and for a while after", () => {
    const busy = run(asleep, 10_000, { perSecond: 2_000 });
    expect(busy.pace.isAsleep).toBe(false);
    expect(busy.asleepMs).toBeLessThan(50);
    const calmer = run(busy.pace, 10_900, { perSecond: 20 });
    expect(calmer.pace.isAsleep).toBe(false);
    expect(run(calmer.pace, 13_000, { perSecond: 20 }).pace.isAsleep).toBe(true);
  });

  it("polls sooner where commits take long, since transactions that notify wait for each other", () => {
    expect(run(asleep, 10_000, { perSecond: 200, commitMs: 10 }).pace.isAsleep).toBe(false);
    expect(run(asleep, 10_000, { perSecond: 20, commitMs: 10 }).pace.isAsleep).toBe(true);
  });

  it("wakes when a read finds what no transaction has notified of", () => {
    const pace = nextPace(asleep, { ...read, nowMs: 500, changes: 1 }, limits);
    expect(pace).toMatchObject({ delayMs: limits.pollMs, isAsleep: false });
    expect(nextPace(pace, { ...read, nowMs: 900 }, limits).isAsleep).toBe(false);
  });

  it("never sleeps when writers can't notify", () => {
    const quiet = { ...read, nowMs: 60_000, maySleep: false };
    expect(nextPace(firstPace(0, limits), quiet, limits).isAsleep).toBe(false);
    expect(nextPace(asleep, quiet, limits).isAsleep).toBe(false);
  });
});
