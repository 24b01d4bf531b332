import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import { Wakeup } from "./wakeup.ts";

describe("a pause", () => {
  let clock: ManualClock;
  let wakeup: Wakeup;

  beforeEach(() => {
    clock = new ManualClock();
    wakeup = new Wakeup();
  });

  /** Returns a function that tells whether the pause has ended after `ms` more. */
  function begin(restMs: number, delayMs: number): (ms: number) => Promise<boolean> {
    let isOver = false;
    void wakeup.pause(clock, { restMs, delayMs }).then(() => {
      isOver = true;
    });
    return async (ms) => {
      clock.advance(ms);
      await Promise.resolve();
      return isOver;
    };
  }

  it("lasts for its rest and its delay when nothing happens", async () => {
    const isOverAfter = begin(3, 500);
    expect(await isOverAfter(502)).toBe(false);
    expect(await isOverAfter(1)).toBe(true);
  });

  it("ends with a notification, but not before its rest", async () => {
    const isOverAfter = begin(3, 500);
    wakeup.notify();
    wakeup.notify();
    expect(await isOverAfter(2)).toBe(false);
    expect(await isOverAfter(1)).toBe(true);
    expect(wakeup.takeNotices()).toBe(2);
    const isNextOverAfter = begin(3, 500);
    expect(await isNextOverAfter(100)).toBe(false);
    wakeup.notify();
    expect(await isNextOverAfter(0)).toBe(true);
    expect(wakeup.takeNotices()).toBe(1);
    expect(wakeup.takeNotices()).toBe(0);
  });

  it("ends at once when a notification came between two pauses", async () => {
    wakeup.notify();
    expect(await begin(0, 500)(0)).toBe(true);
    expect(await begin(0, 500)(0)).toBe(false);
  });

  it("ends at once, also its rest, when something wakes it; a wake between pauses does nothing", async () => {
    wakeup.wake();
    const isOverAfter = begin(3, 500);
    expect(await isOverAfter(1)).toBe(false);
    wakeup.wake();
    expect(await isOverAfter(0)).toBe(true);
  });
});
