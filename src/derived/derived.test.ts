import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { channel } from "../server/channel.ts";
import { createTidemark } from "../server/tidemark.ts";
import { avg, count, first, last, max, min, sum, timeBucket } from "./aggregate.ts";
import { derived } from "./derived.ts";

interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: string;
  readonly quantity: string;
  readonly time: string;
}

const trades = channel<Trade>({
  key: "id",
  columns: { id: "text", symbol: "text", price: "numeric", quantity: "numeric", time: "timestamp" },
});
const symbols = channel<{ symbol: string; name: string }>({
  key: "symbol",
  columns: { symbol: "text", name: "text" },
});
const candles = derived({
  from: { trades },
  over: "stream",
  where: { column: "quantity", gt: "0" },
  groupBy: { symbol: "symbol", bucket: timeBucket("time", "1m") },
  columns: {
    open: first("price", { by: "time" }),
    high: max("price"),
    low: min("price"),
    close: last("price", { by: "time" }),
    volume: sum("quantity"),
    mean: avg("price"),
    trades: count(),
  },
});
const moves = derived({
  from: { candles },
  over: "window",
  groupBy: { symbol: "symbol" },
  columns: { open: first("open", { by: "bucket" }), close: last("close", { by: "bucket" }) },
  compute: { move: (row) => Number(row.close) / Number(row.open) - 1 },
});
const named = derived({
  from: { moves },
  over: "window",
  join: { with: { symbols }, on: { symbol: "symbol" }, columns: { name: "name" }, kind: "left" },
});
const best = derived({
  from: { named },
  over: "window",
  orderBy: [{ column: "move", direction: "desc" }],
  limit: 1,
});

const channels = { trades, symbols, candles, moves, named, best };
const tidemark = createTidemark({ channels, logger: pino({ level: "silent" }) });
beforeAll(() => tidemark.start());
afterAll(() => tidemark.stop());

function trade(id: string, symbol: string, price: string, time: string): Trade {
  return { id, symbol, price, quantity: "0.10", time: `2026-01-01T00:${time}Z` };
}

describe("derived tables", () => {
  it("change in the commit of their source, also tables derived from derived ones", async () => {
    const seq = await tidemark
      .channel("trades")
      .upsert([
        trade("1", "BTC", "100.5", "00:01"),
        trade("2", "BTC", "99", "00:02.5"),
        trade("3", "BTC", "110", "01:00"),
        trade("4", "ETH", "10", "00:01"),
      ]);
    await tidemark.channel("symbols").upsert({ symbol: "BTC", name: "Bitcoin" });
    await expect.poll(() => tidemark.channel("named").size).toBe(2);
    expect(seq).toBeGreaterThan(0);
    expect(
      tidemark.channel("candles").get(JSON.stringify(["BTC", "2026-01-01T00:00:00.000Z"])),
    ).toEqual({
      symbol: "BTC",
      bucket: "2026-01-01T00:00:00.000Z",
      open: "100.5",
      high: "100.5",
      low: "99",
      close: "99",
      volume: "0.2",
      mean: "99.75",
      trades: 2,
    });
    expect(tidemark.channel("moves").get("BTC")?.move).toBeCloseTo(110 / 100.5 - 1, 12);
    await expect.poll(() => tidemark.channel("named").get("BTC")?.name).toBe("Bitcoin");
    expect(tidemark.channel("named").get("ETH")?.name).toBeNull();
    expect(tidemark.channel("best").get("BTC")).toMatchObject({ symbol: "BTC" });
    expect(tidemark.channel("best").size).toBe(1);
  });
});

it("types", () => {
  expectTypeOf(tidemark.channel("candles").get("")).toEqualTypeOf<
    | {
        readonly symbol: string;
        readonly bucket: string;
        readonly open: string;
        readonly high: string;
        readonly low: string;
        readonly close: string;
        readonly volume: string;
        readonly mean: string;
        readonly trades: number;
      }
    | undefined
  >();
  expectTypeOf(tidemark.channel("moves").get("")?.move).toEqualTypeOf<number | undefined>();
  expectTypeOf(tidemark.channel("named").get("")?.name).toEqualTypeOf<string | null | undefined>();
  derived({
    from: { trades },
    over: "window",
    // @ts-expect-error There is no such column.
    groupBy: { symbol: "symbl" },
  });
  derived({
    from: { trades },
    over: "window",
    groupBy: { symbol: "symbol" },
    // @ts-expect-error There is no such column.
    columns: { volume: sum("quantty") },
  });
});
