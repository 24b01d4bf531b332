/** History survives a server that is killed at any moment. `npm run kills` does it 200 times. */
import { expect, it } from "vitest";
import { run } from "./support/kills/run.ts";

it("holds each acknowledged row once, and no commit in part, after kill -9 at any moment", async () => {
  const results = await Promise.all([1, 2].map((seed) => run({ seed, kills: 4, store: "duckdb" })));
  for (const { acknowledged } of results) expect(acknowledged).toBeGreaterThan(0);
}, 120_000);
