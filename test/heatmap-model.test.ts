/** The model of the heatmap in each store, against slow loops over the same trades. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HeatmapRow } from "../examples/heatmap/channels.ts";
import { gridOf } from "../examples/heatmap/model/grid.ts";
import { heatmapModel } from "../examples/heatmap/model/heatmap.ts";
import { MINUTE_MS, stepOf } from "../examples/heatmap/model/settings.ts";
import { clickHouse, DUCKDB, type StatementDialect } from "../examples/heatmap/model/statement.ts";
import { COLUMNS } from "../examples/trading/columns.ts";
import type { Trade } from "../examples/trading/channels.ts";
import { clickhouse } from "../src/history/clickhouse/index.ts";
import { duckdb } from "../src/history/duckdb/index.ts";
import type { QueriedHistoryStore } from "../src/history/history.ts";
import { channel, createTidemark } from "../src/index.ts";
import { seededRandom } from "../src/std/random.ts";
import { hasClickHouse, startClickHouse } from "./support/clickhouse-server.ts";
import {
  referenceHeatmap,
  type Reference,
  type ReferenceTrade,
} from "./support/heatmap-reference.ts";
import { silent } from "./support/silent.ts";

const recording = fileURLToPath(
  new URL("../../shared/data/binance-futures-2021-07-22.ws.txt.gz", import.meta.url),
);

interface SymbolTrade extends ReferenceTrade {
  readonly symbol: string;
}

const START_MS = Date.UTC(2026, 0, 31, 12, 0, 7);

/** A walk that comes back to its levels, with minutes without a trade. */
function walk(symbol: string, seed: number): readonly SymbolTrade[] {
  const random = seededRandom(seed);
  let price = 60_000;
  let timeMs = START_MS;
  return Array.from({ length: 400 }, () => {
    timeMs += Math.floor(random.next() ** 6 * 4 * MINUTE_MS);
    price *= 1 + (random.next() - 0.5) * 0.003;
    const quantity = Math.ceil(random.next() * 1_000) / 1_000;
    const side = random.next() < 0.5 ? "buy" : "sell";
    return { symbol, timeMs, price: Number(price.toFixed(1)), quantity, side };
  });
}

/** The recorded trades; `slower`: as if they had taken so many times as long. */
function recorded(slower: number): readonly SymbolTrade[] {
  const trades: SymbolTrade[] = [];
  for (const line of gunzipSync(readFileSync(recording)).toString().split("\n")) {
    const [, text] = /^[\d.]+:\s*(\{.*"aggTrade".*\})$/.exec(line) ?? [];
    if (text === undefined) continue;
    const { s, T, p, q, m } = (
      JSON.parse(text) as { data: { s: string; T: number; p: string; q: string; m: boolean } }
    ).data;
    const timeMs = START_MS + (T % (3_600_000 * 24)) * slower;
    const side = m ? "sell" : "buy";
    trades.push({ symbol: s, timeMs, price: Number(p), quantity: Number(q), side });
  }
  return trades.toSorted((a, b) => a.timeMs - b.timeMs);
}

interface Interest {
  readonly symbol: string;
  readonly time: string;
  readonly quantity: string;
}

async function stored(
  store: QueriedHistoryStore,
  trades: readonly SymbolTrade[],
  interest: readonly Interest[] = [],
): Promise<void> {
  const tidemark = createTidemark({
    channels: {
      trades: channel<Trade>({
        key: ["symbol", "id"],
        columns: COLUMNS.trades,
        history: { maxDelayMs: 1 },
      }),
      open_interest: channel<Interest>({
        key: ["symbol", "time"],
        columns: { symbol: "text", time: "timestamp", quantity: "numeric" },
        history: { maxDelayMs: 1 },
      }),
    },
    history: store,
    logger: silent,
  });
  onTestFinished(() => tidemark.stop());
  await tidemark.listen({ port: 0 });
  await tidemark.channel("open_interest").upsert(interest);
  const rows = trades.map(({ symbol, timeMs, price, quantity, side }, id) => ({
    symbol,
    id,
    price: String(price),
    quantity: String(quantity),
    side,
    time: new Date(timeMs).toISOString(),
  }));
  await tidemark.durable(await tidemark.channel("trades").upsert(rows));
}

/** Every cell of the reference is a row, with its value to three digits, and nothing else is. */
function expectSame(rows: readonly HeatmapRow[], reference: Reference, step: number): void {
  const left = new Map(rows.map((row) => [`${row.time} ${row.price}`, row.value]));
  const take = (time: number, price: number): number | undefined => {
    const key = `${time} ${price}`;
    const value = left.get(key);
    left.delete(key);
    return value;
  };
  for (const [time, { close, levels }] of reference) {
    expect(take(time, 0)).toBe(close);
    for (const [level, value] of levels) {
      // No row: nothing was opened in its minutes.
      if (value === 0) continue;
      const halfDigit = 0.5 * 10 ** (Math.floor(Math.log10(value)) - 2);
      const digits = Math.max(0, -Math.floor(Math.log10(step)));
      const found = take(time, Number((level * step).toFixed(digits))) ?? Number.NaN;
      expect(Math.abs(found - value)).toBeLessThanOrEqual(halfDigit * 1.000_001);
    }
  }
  expect([...left]).toEqual([]);
}

const onDuckDB = () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-heatmap-model-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return Promise.resolve([duckdb(join(folder, "history.duckdb")), DUCKDB] as const);
};
const onClickHouse = async () => {
  const server = await startClickHouse();
  onTestFinished(() => server.remove());
  const store = clickhouse(server.url, { limits: { queryMsMax: 60_000 } });
  return [store, clickHouse("tidemark")] as const;
};
type Open = () => Promise<readonly [QueriedHistoryStore, StatementDialect]>;

describe.each([
  ["DuckDB", true, onDuckDB as Open],
  ["ClickHouse", hasClickHouse(), onClickHouse as Open],
] as const)("the heatmap in %s", (_name, isThere, open) => {
  it.skipIf(!isThere)(
    "is what slow loops over the trades give, for any window, and with open interest",
    { timeout: 120_000 },
    async () => {
      const [store, dialect] = await open();
      const walks = [walk("BTCUSDT", 1), walk("ETHUSDT", 2)];
      const [btc = []] = walks;
      const recordings = existsSync(recording) ? [recorded(60)] : [];
      const minutes = [...new Set(btc.map(({ timeMs }) => Math.floor(timeMs / MINUTE_MS)))];
      const random = seededRandom(3);
      const openInterest = new Map(
        // Some minutes have none.
        minutes
          .filter(() => random.next() < 0.8)
          .map((minute) => [minute, Math.round(random.next() * 4_000) / 1_000] as const),
      );
      const interest = Array.from(openInterest, ([minute, quantity]) => ({
        symbol: "BTCUSDT",
        time: new Date(minute * MINUTE_MS + 30_000).toISOString(),
        quantity: String(quantity),
      }));
      const all = [...walks, ...recordings].flat();
      await stored(store, all, interest);
      const model = heatmapModel(store, dialect);
      const compare = async (
        symbol: string,
        options: { start?: number; minutes?: number; intervalMinutes?: number },
        of = model,
        given: { openInterest?: ReadonlyMap<number, number> } = {},
      ): Promise<number> => {
        const trades = all.filter((trade) => trade.symbol === symbol);
        const last = trades.at(-1) as SymbolTrade;
        const step = stepOf(last.price);
        const { start, minutes: shown = 15, intervalMinutes = 5 } = options;
        const startMs = start ?? last.timeMs - shown * MINUTE_MS;
        const rows = await of.rows({ symbol, ...options });
        const reference = referenceHeatmap(trades, { startMs, intervalMinutes, step, ...given });
        expectSame(rows, reference, step);
        expect(rows.filter(({ as_of }) => as_of !== undefined)).toMatchObject([
          { as_of: last.timeMs, value: last.price, step },
        ]);
        return rows.length;
      };
      expect(await compare("BTCUSDT", {})).toBeGreaterThan(50);
      expect(await compare("ETHUSDT", { minutes: 120, intervalMinutes: 1 })).toBeGreaterThan(500);
      const early = START_MS + 20 * MINUTE_MS;
      expect(await compare("BTCUSDT", { start: early, intervalMinutes: 3 })).toBeGreaterThan(500);
      const withInterest = heatmapModel(store, dialect, { hasOpenInterest: true });
      const window = { minutes: 60, intervalMinutes: 2 };
      expect(await compare("BTCUSDT", window, withInterest, { openInterest })).toBeGreaterThan(200);
      for (const symbol of new Set(recordings.flat().map((trade) => trade.symbol)))
        expect(await compare(symbol, { minutes: 15, intervalMinutes: 1 })).toBeGreaterThan(5);
      expect(await model.rows({ symbol: "nothing" })).toEqual([]);
      for (const none of [{ intervalMinutes: 0 }, { intervalMinutes: 1.5 }, { minutes: 2_000 }])
        await expect(model.rows({ symbol: "BTCUSDT", ...none })).rejects.toThrow(RangeError);
      const grid = await model.calculateTimeEvolvingHeatmap({ symbol: "BTCUSDT" });
      expect(grid).toEqual(gridOf("BTCUSDT", await model.rows({ symbol: "BTCUSDT" })));
      expect(grid.times).toHaveLength(4);
      expect(grid.values.map((line) => line.length)).toEqual(grid.prices.map(() => 4));
    },
  );
});

if (!existsSync(recording))
  it.skip("recorded trades are not compared: ../shared/data is absent", () => {});
