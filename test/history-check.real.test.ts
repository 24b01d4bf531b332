/**
 * A list that scrolls back while rows arrive, change, leave, spill and are stored has no hole, no
 * double and no wrong row. `npm run history-check` does it many times over.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATORS } from "../src/protocol/query.ts";
import {
  hasClickHouse,
  startClickHouse,
  type ClickHouseServer,
} from "./support/clickhouse-server.ts";
import { run, type RunOptions } from "./support/history-check/run.ts";

async function check(options: Pick<RunOptions, "store" | "url" | "pageRows">): Promise<void> {
  const { lists, spilledBytes, sights } = await run({
    ...options,
    seed: 1,
    lists: OPERATORS.length,
  });
  expect([...lists.values()]).toEqual(OPERATORS.map(() => 1));
  expect(spilledBytes).toBeGreaterThan(0);
  expect(sights).toBeGreaterThan(lists.size);
}

describe("scrolling back while rows arrive, with each operator", { timeout: 120_000 }, () => {
  it("shows what the in-memory evaluation shows, over DuckDB", () =>
    check({ store: "duckdb", pageRows: [10, 30] }));

  describe.skipIf(!hasClickHouse())("over ClickHouse", () => {
    let engine: ClickHouseServer;
    beforeAll(async () => {
      engine = await startClickHouse();
    });
    afterAll(() => engine.remove());

    it("shows the same", () => check({ store: "clickhouse", url: engine.url, pageRows: [30, 60] }));
  });
});
