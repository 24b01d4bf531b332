import { expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import { logConformance } from "./conformance.ts";
import { MemoryLog } from "./memory.ts";

const random = seededRandom(1);
logConformance("memory", {
  create: ({ clock, limits }) => new MemoryLog({ clock, random, ...(limits && { limits }) }),
});

it("starts each time in an epoch of its own", () => {
  const clock = new ManualClock();
  expect(new MemoryLog({ clock, random }).epoch).not.toBe(new MemoryLog({ clock, random }).epoch);
});
