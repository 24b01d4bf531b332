/** SQL of the program's own in each store, and as a live table. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasClickHouse, startClickHouse } from "../../test/support/clickhouse-server.ts";
import { silent } from "../../test/support/silent.ts";
import { createClient } from "../client/node.ts";
import { channel } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { polled } from "../sources/polled/index.ts";
import { clickhouse } from "./clickhouse/index.ts";
import { duckdb } from "./duckdb/index.ts";
import type { QueriedHistoryStore } from "./history.ts";

interface World {
  readonly store: QueriedHistoryStore;
  /** Trades and quantity of a symbol. */
  readonly totals: string;
  /** One row with values that JavaScript has no number for. */
  readonly values: string;
}

const onDuckDB = (): Promise<World> => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-own-queries-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return Promise.resolve({
    store: duckdb(join(folder, "history.duckdb")),
    totals: `SELECT symbol, count(*) AS trades, sum(quantity) AS quantity
      FROM trades WHERE symbol = $symbol GROUP BY symbol`,
    values: `SELECT 9007199254740993::BIGINT AS big, 1.50::DECIMAL(10, 2) AS decimal,
      TIMESTAMP '2026-01-31 10:00:00' AS time, NULL AS none`,
  });
};
const onClickHouse = async (): Promise<World> => {
  const server = await startClickHouse();
  onTestFinished(() => server.remove());
  return {
    store: clickhouse(server.url, { limits: { leaseMs: 1_000 } }),
    totals: `SELECT symbol, count() AS trades, sum(quantity) AS quantity
      FROM tidemark.trades WHERE symbol = {symbol:String} GROUP BY symbol`,
    values: `SELECT toInt64(9007199254740993) AS big, toDecimal64('1.50', 2) AS decimal,
      toDateTime('2026-01-31 10:00:00', 'UTC') AS time, NULL AS none`,
  };
};

describe.each([
  ["DuckDB", true, onDuckDB],
  ["ClickHouse", hasClickHouse(), onClickHouse],
] as const)("queries of %s", (_name, isThere, open) => {
  it.skipIf(!isThere)(
    "are live tables, and rows as JSON has them",
    { timeout: 120_000 },
    async () => {
      const { store, totals, values } = await open();
      await expect(store.query(values)()).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
      const tidemark = createTidemark({
        channels: {
          trades: channel<{ id: string; symbol: string; quantity: number }>({
            key: "id",
            columns: { id: "text", symbol: "text", quantity: "integer" },
            history: { maxDelayMs: 1 },
          }),
        },
        sources: [
          polled({
            channel: "totals",
            key: "symbol",
            parameter: "symbol",
            every: 20,
            run: store.query(totals),
          }),
        ],
        history: store,
        logger: silent,
      });
      onTestFinished(() => tidemark.stop());
      const { url } = await tidemark.listen({ port: 0 });
      const trades = tidemark.channel("trades");
      await trades.upsert({ id: "a", symbol: "BTC", quantity: 5 });
      await trades.upsert({ id: "b", symbol: "ETH", quantity: 100 });
      const client = createClient({ url: `${url.replace("http", "ws")}/v2/stream` });
      onTestFinished(() => client.close());
      const view = client.live({ channel: "totals", where: { column: "symbol", eq: "BTC" } });
      onTestFinished(view.subscribe(() => {}));
      const shows = (trades: number, quantity: number) =>
        expect
          .poll(() => view.getSnapshot().rows, { timeout: 20_000 })
          .toEqual([{ symbol: "BTC", trades, quantity }]);
      await shows(1, 5);
      await trades.upsert({ id: "c", symbol: "BTC", quantity: 7 });
      await shows(2, 12);
      const [row] = await store.query(values)();
      expect(row).toEqual({
        big: "9007199254740993",
        decimal: 1.5,
        time: expect.stringMatching(/^2026-01-31T10:00:00Z?$/),
        none: null,
      });
      await expect(store.query("DROP TABLE trades")()).rejects.toThrow();
      await expect(store.query("SELECT nothing")()).rejects.toMatchObject({
        code: "HISTORY_UNAVAILABLE",
      });
      const abort = new AbortController();
      abort.abort(new Error("nobody waits"));
      await expect(store.query(values)({}, abort.signal)).rejects.toThrow("nobody waits");
    },
  );
});
