/** The clock of the platform. */
import { expect, it } from "vitest";
import { delay, systemClock } from "./clock.ts";

it("does not run a callback at once whose delay is longer than a platform timer allows", async () => {
  const ran: string[] = [];
  const stops = [
    systemClock.after(Number.POSITIVE_INFINITY, () => ran.push("never")),
    systemClock.after(2 ** 31, () => ran.push("in a month")),
  ];
  await delay(systemClock, 20);
  for (const stop of stops) stop();
  expect(ran).toEqual([]);
});
