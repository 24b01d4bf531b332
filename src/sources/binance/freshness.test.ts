/** How far the source says that it is complete, in quiet and busy times. */
import { describe, expect, it } from "vitest";
import { Freshness } from "./freshness.ts";

describe("freshness", () => {
  it("is that of the feed that is least fresh, and unknown while one is", () => {
    const freshness = new Freshness(250, ["a", "b"]);
    freshness.onEvent("a", 10_000, 100);
    expect(freshness.throughMs).toBeUndefined();
    freshness.onEvent("b", 11_000, 1_100);
    expect(freshness.throughMs).toBe(9_750);
    freshness.reset("b");
    expect(freshness.throughMs).toBeUndefined();
  });

  it("advances with answered pings, by the least lead that the exchange's clock can have", () => {
    const freshness = new Freshness(250, ["a"]);
    // A ping is answered before the exchange's clock is known.
    freshness.onPong("a", 40);
    expect(freshness.throughMs).toBeUndefined();
    // Made at 10,000 and received at 100 to 130, so the lead is at least 9,900.
    freshness.onEvent("a", 10_000, 130);
    freshness.onAnswer(10_000, 100);
    freshness.onPong("a", 1_000);
    expect(freshness.throughMs).toBe(1_000 + 9_900 - 250);
  });

  it("follows an exchange that sets its clock back", () => {
    const freshness = new Freshness(0, ["a"]);
    freshness.onAnswer(10_000, 0);
    for (const nowMs of [60_000, 120_000]) freshness.onAnswer(nowMs + 9_000, nowMs);
    freshness.onPong("a", 130_000);
    expect(freshness.throughMs).toBe(139_000);
  });
});
