/**
 * Movers and candles of the trading dashboard against a recomputation, while trades come and the
 * oldest ones leave the window. Many trades of a market have the same time, and ids get longer.
 */
import { pino } from "pino";
import { afterEach, expect, it } from "vitest";
import type { Mover, Trade } from "../examples/trading/channels.ts";
import { COLUMNS } from "../examples/trading/columns.ts";
import { derivedChannels } from "../examples/trading/derived.ts";
import { Market } from "../examples/trading/feed/market.ts";
import { MARKETS } from "../examples/trading/symbols.ts";
import type { DerivedDefinition } from "../src/derived/derived.ts";
import { channel, createTidemark } from "../src/index.ts";

const ROWS_MAX = 600;
const STEPS = 40;
const STEP_MS = 250;
const SOON = { interval: 1 };
const START_MS = Date.UTC(2026, 0, 31, 12);

const trades = channel<Trade>({
  key: ["symbol", "id"],
  columns: COLUMNS.trades,
  bounds: { rowsMax: ROWS_MAX },
});
/** A table of the dashboard over the smaller window, without a store. */
const here = <T extends DerivedDefinition<unknown>>(table: T): T => ({
  ...table,
  history: undefined,
  sources: { trades },
  derived: { ...table.derived, history: undefined },
});
const channels = {
  trades,
  candles_1s: here(derivedChannels.candles_1s),
  movers: here(derivedChannels.movers),
};
const createNode = () => createTidemark({ channels, logger: pino({ level: "silent" }) });

let tidemark: ReturnType<typeof createNode>;
afterEach(() => tidemark.stop());

const secondOf = ({ time }: Trade): string => `${time.slice(0, 19)}.000Z`;

function grouped(
  trades: readonly Trade[],
  by: (trade: Trade) => string,
): ReadonlyMap<string, readonly [Trade, ...Trade[]]> {
  const groups = new Map<string, [Trade, ...Trade[]]>();
  for (const trade of trades) {
    const group = groups.get(by(trade));
    if (group === undefined) groups.set(by(trade), [trade]);
    else group.push(trade);
  }
  return groups;
}

/** In percent with two digits, from prices as whole numbers; halves go away from zero. */
function movedBy(first: string, last: string): number {
  const [from, to] = [first, last].map((price) => BigInt(price.replace(".", ""))) as [
    bigint,
    bigint,
  ];
  const size = Number(((to < from ? from - to : to - from) * 20_000n + from) / (2n * from)) / 100;
  return to < from && size > 0 ? -size : size;
}

function moverOf(symbol: string, trades: readonly Trade[]): Mover {
  const [first, last] = [trades[0] as Trade, trades.at(-1) as Trade];
  const move = movedBy(first.price, last.price);
  return { symbol, first: first.price, last: last.price, move, size: Math.abs(move) };
}

it("says what the first and the last trades in the window say", async () => {
  tidemark = createNode();
  await tidemark.start();
  const handle = tidemark.channel("trades");
  const flows = MARKETS.map((settings, index) => new Market(settings, 40 + index));
  const all: Trade[] = [];
  let hasLeft = false;
  let tied = 0;
  for (let step = 0; step < STEPS; step++) {
    const time = new Date(START_MS + step * STEP_MS).toISOString();
    const rows = flows.flatMap((flow) => {
      const { trades } = flow.step(STEP_MS / 1_000, 20);
      tied += Math.max(0, trades.length - 1);
      return trades.map((trade) => ({ symbol: flow.settings.symbol, ...trade, time }));
    });
    all.push(...rows);
    await handle.upsert(rows);
    const window = all.slice(-ROWS_MAX);
    hasLeft ||= window.length < all.length;
    const expected = [...grouped(window, ({ symbol }) => symbol)].map(([symbol, trades]) =>
      moverOf(symbol, trades),
    );
    await expect
      .poll(() => expected.map(({ symbol }) => tidemark.channel("movers").get(symbol)), SOON)
      .toEqual(expected);
    // Candles keep what has left the window.
    for (const [key, trades] of grouped(all, (row) => JSON.stringify([row.symbol, secondOf(row)])))
      expect(tidemark.channel("candles_1s").get(key)).toMatchObject({
        open: trades[0].price,
        close: (trades.at(-1) as Trade).price,
        trades: trades.length,
      });
  }
  expect(hasLeft).toBe(true);
  expect(tied).toBeGreaterThan(200);
});

it("rounds a change to two digits once, and halves away from zero", async () => {
  tidemark = createNode();
  await tidemark.start();
  const [id, quantity, side] = [1, "1", "buy"] as const;
  const time = new Date(START_MS).toISOString();
  for (const [symbol, first, last] of [
    ["UP", "80", "80.1"],
    ["DOWN", "80", "79.9"],
    // 0.1246 %: a rounding to three digits before would make 0.13 of it.
    ["TWICE", "10000", "10012.46"],
    ["STILL", "64250.5", "64250"],
  ] as const) {
    const trade = { symbol, quantity, side, time };
    await tidemark.channel("trades").upsert([
      { ...trade, id, price: first },
      { ...trade, id: id + 1, price: last },
    ]);
  }
  const moves = (): unknown[] =>
    ["UP", "DOWN", "TWICE", "STILL"].map((symbol) => tidemark.channel("movers").get(symbol)?.move);
  await expect.poll(moves, SOON).toEqual([0.13, -0.13, 0.12, 0]);
});
