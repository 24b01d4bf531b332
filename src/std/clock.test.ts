/** The clock of the platform. */
import { expect, it } from "vitest";
import { delay, systemClock } from "./clock.ts";

it("does not run at once what is to run never, or in a month", async () => {
  const ran: string[] = [];
  const stops = [
    systemClock.after(Number.POSITIVE_INFINITY, () => ran.push("never")),
    systemClock.after(2 ** 31, () => ran.push("in a month")),
  ];
  await delay(systemClock, 20);
  for (const stop of stops) stop();
  expect(ran).toEqual([]);
});
