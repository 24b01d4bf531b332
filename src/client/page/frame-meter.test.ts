import { describe, expect, it } from "vitest";
import { FrameMeter } from "./frame-meter.ts";

const FRAME_MS = 1_000 / 60;

/** Frames at 60 a second, from a time until before another. */
function run(meter: FrameMeter, fromMs: number, untilMs: number): void {
  for (let atMs = fromMs; atMs < untilMs; atMs += FRAME_MS) meter.frame(atMs);
}

function shown(): FrameMeter {
  const meter = new FrameMeter();
  meter.setHidden(false, 0);
  return meter;
}

describe("the frames of a page", () => {
  it("are missed where the next one comes late", () => {
    const meter = shown();
    run(meter, 0, 100);
    // A task of 200 ms.
    run(meter, 300, 400);
    const { dropRatio, visible } = meter.take();
    expect(visible).toBe(true);
    expect(dropRatio).toBeCloseTo(12 / (12 + 11), 1);
    run(meter, 400, 500);
    expect(meter.take().dropRatio).toBe(0);
    expect(meter.take().dropRatio).toBeUndefined();
  });

  it("do not count while the page is hidden, nor does the pause before and after", () => {
    const meter = shown();
    run(meter, 0, 500);
    meter.setHidden(true, 900);
    // Some browsers run a few frames of hidden pages, a second apart.
    for (const atMs of [1_400, 2_400, 3_400]) meter.frame(atMs);
    meter.setHidden(false, 3_500);
    run(meter, 3_900, 4_500);
    expect(meter.take()).toMatchObject({ visible: true, dropRatio: 0 });
    meter.setHidden(true, 4_600);
    meter.take();
    for (const atMs of [5_400, 6_400]) meter.frame(atMs);
    expect(meter.take()).toEqual({ visible: false, dropRatio: undefined, paintsMs: [] });
  });

  it("are not missed by a machine that slept", () => {
    const meter = shown();
    run(meter, 0, 100);
    run(meter, 60_000, 60_100);
    expect(meter.take().dropRatio).toBe(0);
  });
});

describe("the times from a commit's arrival to its paint", () => {
  it("are of visible pages: a commit that waited for its page to be shown does not count", () => {
    const meter = shown();
    meter.painted(1_000, 1_012);
    meter.setHidden(true, 1_500);
    meter.painted(1_490, 1_510);
    meter.setHidden(false, 9_000);
    meter.painted(8_000, 9_010);
    meter.painted(9_200, 9_208);
    expect(meter.take().paintsMs).toEqual([12, 8]);
    expect(meter.take().paintsMs).toEqual([]);
  });

  it("are of some commits, and no more than one report may have", () => {
    const meter = shown();
    for (let atMs = 0; atMs < 1_000; atMs += 10) meter.painted(atMs, atMs + 5);
    expect(meter.take().paintsMs).toHaveLength(10);
    for (let atMs = 1_000; atMs < 20_000; atMs += 10) meter.painted(atMs, atMs + 5);
    expect(meter.take().paintsMs).toHaveLength(100);
  });
});
