/** History survives a server that is killed at any moment. `npm run kills` does it 200 times. */
import { describe, expect, it } from "vitest";
import { hasClickHouse } from "./support/clickhouse-server.ts";
import { run } from "./support/kills/run.ts";

describe.concurrent("a server with history that is killed at any moment", () => {
  it("holds each acknowledged row once, no commit in part, and what is derived from them", async () => {
    const runs = [1, 2].map((seed) => run({ seed, kills: 4, store: "duckdb" }));
    for (const { acknowledged } of await Promise.all(runs)) expect(acknowledged).toBeGreaterThan(0);
  }, 120_000);

  it.skipIf(!hasClickHouse())(
    "holds the same over ClickHouse's engine",
    async () => {
      // With this seed the kill waits for an acknowledgement.
      const { acknowledged } = await run({ seed: 5, kills: 1, store: "clickhouse" });
      expect(acknowledged).toBeGreaterThan(0);
    },
    120_000,
  );
});
