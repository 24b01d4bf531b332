import { expect, it } from "vitest";
import { EventLoopSlices } from "./event-loop-slices.ts";
import { ManualClock } from "./manual-clock.ts";

it("makes a slice as long as the turn before it, within its bounds", async () => {
  const clock = new ManualClock();
  const slices = new EventLoopSlices(clock, { leastMs: 3, mostMs: 25 });
  const lengthMs = (): number => {
    let ms = 0;
    for (; !slices.isOver; ms++) clock.advance(1);
    return ms;
  };
  expect(lengthMs()).toBe(3);
  for (const [turnMs, sliceMs] of [
    [1, 3],
    [10, 10],
    [300, 25],
  ] as const) {
    const next = slices.next();
    clock.advance(turnMs);
    await next;
    expect(lengthMs()).toBe(sliceMs);
  }
});
