/** The memory of `npm start` with all its dashboards in Chromium. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AllDashboards,
  isMeasurable,
  MEGABYTES_MAX,
  NAMES,
  sumOf,
} from "./support/all-dashboards.ts";

describe.skipIf(!isMeasurable)("npm start", () => {
  let dashboards: AllDashboards;

  beforeAll(async () => {
    dashboards = await AllDashboards.start();
  });
  afterAll(() => dashboards.stop());

  it("keeps all dashboards, opened, together below 900 MB", async () => {
    for (const name of NAMES) await dashboards.open(name);
    // What an embedded Postgres has left when it was made is given back a moment later.
    await expect
      .poll(() => sumOf(dashboards.usages()), { timeout: 20_000 })
      .toBeLessThan(MEGABYTES_MAX);
    const running = dashboards.usages().map(({ name }) => name);
    expect(running.toSorted()).toEqual(
      ["start.mjs", "cli", "review", "trading", "heatmap", "mempool"].toSorted(),
    );
  });
});
