/**
 * Candles, volume by side and movers of recorded trades, against the same aggregation in DuckDB, at
 * places all through the recording. Skipped without the recordings, which are not part of the
 * project.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, it } from "vitest";
import { derived, first, last, max, min, sum, timeBucket } from "../src/derived/index.ts";
import { declareChannel } from "../src/log/channel.ts";
import { channel } from "../src/server/channel.ts";
import { derivationsOf } from "../src/server/derivations.ts";
import { Replica } from "../src/table/replica.ts";

const recording = fileURLToPath(
  new URL("../../shared/data/binance-xrpeth-trades-2019-10-11.json.gz", import.meta.url),
);
const columns = {
  id: "bigint",
  side: "text",
  price: "numeric",
  size: "numeric",
  time_ms: "integer",
};
const BATCH = 50;
const CHECKED_EVERY = 20;

const trades = channel<{ id: string; side: string; price: string; size: string; time_ms: number }>({
  key: "id",
});
const candles = derived({
  from: { trades },
  over: "stream",
  groupBy: { span: timeBucket("time_ms", "1h") },
  columns: {
    open: first("price", { by: "id" }),
    high: max("price"),
    low: min("price"),
    close: last("price", { by: "id" }),
    volume: sum("size"),
  },
});
const volume = derived({
  from: { trades },
  over: "stream",
  groupBy: { side: "side" },
  columns: { volume: sum("size") },
});
const moves = derived({
  from: { trades },
  over: "window",
  groupBy: { side: "side" },
  columns: { open: first("price", { by: "id" }), close: last("price", { by: "id" }) },
});

/** Decimals and numbers in one form. */
const textsOf = (rows: readonly object[]): readonly string[] =>
  rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row).map(([name, value]) => [
          name,
          Number.isNaN(Number(value)) ? value : Number(value),
        ]),
      ),
    )
    .sort();

it.skipIf(!existsSync(recording))("recorded trades give the candles of DuckDB", async () => {
  const replica = new Replica(
    {},
    { derivations: derivationsOf({ trades, candles, volume, moves }) },
  );
  replica.begin("e");
  const declared = declareChannel({
    name: "trades",
    key: ["id"],
    columns: Object.entries(columns).map(([name, type]) => ({ name, type: type as "text" })),
    bounds: { rowsMax: 1_000 },
  });
  const given = JSON.parse(gunzipSync(readFileSync(recording)).toString()) as readonly (readonly [
    number,
    string,
    null,
    string,
    number,
    number,
  ])[];
  const rows = given.slice(0, 5_000).map(([time_ms, id, , side, price, size]) => ({
    key: id,
    row: { id, side, price: price.toFixed(8), size: String(size), time_ms },
  }));
  const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
  await duckdb.run(
    "CREATE TABLE trades (id BIGINT, side VARCHAR, price DECIMAL(20,8), size DECIMAL(20,8), time_ms BIGINT)",
  );
  const ask = async (sql: string): Promise<readonly string[]> =>
    textsOf((await duckdb.runAndReadAll(sql)).getRowObjectsJson());
  const shown = (name: string): readonly string[] =>
    textsOf(Array.from(replica.table(name)?.rows.values() ?? [], ({ row }) => row));
  let [checks, stored] = [0, 0];
  for (let from = 0, seq = 1; from < rows.length; from += BATCH, seq++) {
    const upserts = rows.slice(from, from + BATCH);
    const changes = [{ channel: "trades", upserts, removes: [] }];
    replica.apply({ seq, timeMs: seq, changes, ...(seq === 1 && { declares: [declared] }) });
    if (seq % CHECKED_EVERY !== 0 && from + BATCH < rows.length) continue;
    const values = rows
      .slice(stored, from + BATCH)
      .map(
        ({ row: { id, side, price, size, time_ms } }) =>
          `(${id}, '${side}', ${price}, ${size}, ${time_ms})`,
      );
    await duckdb.run(`INSERT INTO trades VALUES ${values.join(", ")}`);
    stored = from + BATCH;
    checks++;
    expect(shown("candles")).toEqual(
      await ask(
        `SELECT time_ms // 3600000 * 3600000 AS span, first(price ORDER BY id) AS open, max(price) AS high, min(price) AS low, last(price ORDER BY id) AS close, sum(size) AS volume FROM trades GROUP BY span`,
      ),
    );
    expect(shown("volume")).toEqual(
      await ask("SELECT side, sum(size) AS volume FROM trades GROUP BY side"),
    );
    expect(shown("moves")).toEqual(
      await ask(
        `SELECT side, first(price ORDER BY id) AS open, last(price ORDER BY id) AS close FROM (SELECT * FROM trades ORDER BY rowid DESC LIMIT 1000) GROUP BY side`,
      ),
    );
  }
  expect(checks).toBeGreaterThan(4);
  duckdb.closeSync();
});
