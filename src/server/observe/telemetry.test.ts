import { expect, it } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import { Metrics } from "./metrics.ts";
import { Telemetry } from "./telemetry.ts";

it("admits one report per session and interval, and remembers no more sessions than it may", () => {
  const clock = new ManualClock();
  const telemetry = new Telemetry({ metrics: new Metrics(), clock, sessionsMax: 2 });
  expect(telemetry.admit("a")).toBe(0);
  clock.advance(4_000);
  expect(telemetry.admit("a")).toBe(6_000);
  expect(telemetry.admit("b")).toBe(0);
  expect(telemetry.admit("c")).toBe(10_000);
  clock.advance(6_000);
  // The first session's interval is over, so another may take its place.
  expect(telemetry.admit("c")).toBe(0);
  expect(telemetry.admit("a")).toBe(10_000);
  expect(telemetry.admit("b")).toBe(4_000);
  clock.advance(4_000);
  expect(telemetry.admit("b")).toBe(0);
});
