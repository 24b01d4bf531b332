/**
 * Opportunities by their formulas, and what the transactions of a block of Ethereum's mainnet are,
 * where the recording is at hand.
 */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Opportunities } from "../examples/mempool/source/opportunities.ts";
import { TOKENS } from "../examples/mempool/tokens.ts";
import { transactionRow } from "../src/sources/ethereum/index.ts";
import { transactionOf } from "../src/sources/ethereum/messages.ts";

const address = (number: number): string => `0x${number.toString(16).padStart(40, "0")}`;
const [third = "", person = ""] = [3, 4].map(address);

const recording = new URL(
  "../../shared/data/ethereum-mainnet-block-15571241-transactions.json.gz",
  import.meta.url,
);

describe.skipIf(!existsSync(recording))("a block of mainnet", () => {
  const block = existsSync(recording)
    ? (JSON.parse(gunzipSync(readFileSync(recording)).toString()) as readonly unknown[])
    : [];
  const rows = block.map((each) => transactionRow(transactionOf(each), { chain: "e", seenMs: 0 }));

  it("has these protocols and categories, and each sale costs what its transaction pays", () => {
    const counts: Record<string, number> = {};
    for (const { protocol, category } of rows)
      counts[`${protocol} ${category}`] = (counts[`${protocol} ${category}`] ?? 0) + 1;
    expect(counts).toEqual({
      "native transfer": 17,
      "erc20 transfer": 3,
      "erc20 approval": 3,
      "erc721 approval": 5,
      "erc721 nft": 4,
      "weth wrap": 3,
      "seaport nft": 4,
      "uniswap_v3 swap": 2,
      "unknown other": 17,
    });
    const sales = rows.flatMap(({ actions, value }) =>
      actions.flatMap((action) =>
        action.kind === "nft_sale" && action.currency === null ? [[action.price, value]] : [],
      ),
    );
    expect(sales.length).toBe(4);
    for (const [price, value] of sales) expect(price).toBe(value);
    const [bought, sold] = rows.flatMap(({ actions }) =>
      actions.filter((action) => action.kind === "swap"),
    );
    expect(bought).toMatchObject({ amount_in: "100000000000000000", exact: "in" });
    expect(sold).toMatchObject({ amount_out: "403745281" });
  });

  it("has the opportunities that the formulas give", () => {
    // The base fee of that block in gwei, and about what ether cost then.
    const [baseFee, price] = [6.678_7, 1_330];
    const tips = rows
      .map((row) => Math.min(Number(row.priority_fee) / 1e9, Number(row.max_fee) / 1e9 - baseFee))
      .sort((left, right) => left - right);
    const tipP90 = tips[Math.floor(tips.length * 0.9)] ?? 0;
    const tokens = TOKENS.get(1) ?? new Map();
    const finder = new Opportunities();
    const valuation = { tokens, coin: "ETH", price };
    const found = rows.flatMap((row) => finder.of(row, { valuation, baseFee, tipP90 }));
    const highTips = rows.filter((row) => {
      const tip = Math.min(Number(row.priority_fee), Number(row.max_fee) - baseFee * 1e9) / 1e9;
      return tip >= 5 * tipP90;
    });
    expect(highTips.length).toBeGreaterThan(1);
    expect(found.map(({ kind, hash }) => [kind, hash])).toEqual(
      highTips.map(({ hash }) => ["high_tip", hash]),
    );
    // The swap of 0.1 ether is small, and what the other one sells has no known price.
    for (const { score } of found) expect(score).toBeGreaterThanOrEqual(0.8);
  });
});

describe("opportunities", () => {
  const weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
  const usdc = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
  const row = (protocol: string, amountIn: bigint, amountOut: bigint, isReverse = false) => {
    const [from, to] = isReverse ? [usdc, weth] : [weth, usdc];
    const raw = {
      hash: `0x${protocol}${amountIn}`,
      from: person,
      to: third,
      nonce: 0,
      value: 0n,
      gas: 100_000,
      maxFee: 20_000_000_000n,
      priorityFee: 1_000_000_000n,
      input: "0x",
    };
    const swap = {
      kind: "swap",
      token_in: from,
      token_out: to,
      amount_in: String(amountIn),
      amount_out: String(amountOut),
      exact: "in",
    } as const;
    return { ...transactionRow(raw, { chain: "e", seenMs: 1_000 }), protocol, actions: [swap] };
  };
  const context = {
    valuation: { tokens: TOKENS.get(1) ?? new Map(), coin: "ETH", price: 2_000 },
    baseFee: 10,
    tipP90: null,
  };
  const COIN = 10n ** 18n;

  it("are large swaps, open slippage, and two pools moved apart, by their formulas", () => {
    const finder = new Opportunities();
    // 30 ether for at least 57,000 dollars where the price says 60,000: 5 % of 30.
    const [large, open] = finder.of(row("uniswap_v2", 30n * COIN, 57_000_000_000n), context);
    expect(large).toMatchObject({ kind: "large_swap", value: 30, score: 0.75, pair: "ETH/USDC" });
    const profit = 0.05 * 30 - (300_000 * 10) / 1e9;
    expect(open?.kind).toBe("sandwichable");
    expect(open?.profit).toBeCloseTo(profit, 4);
    expect(open?.score).toBeCloseTo(profit / (profit + 0.05), 4);
    expect(open?.expires_unix_ms).toBe(31_000);
    // 10,000 dollars for 4.95 ether the other way, in another pool: 1 % is not open.
    const back = row("uniswap_v3", 10_000_000_000n, (495n * COIN) / 100n, true);
    expect(finder.of(back, context)).toMatchObject([
      { kind: "two_pools", value: 5, score: 0.5, profit: null },
    ]);
    // The same direction moves no two pools apart, and a small swap is nothing.
    const same = row("uniswap_v2", 10_000_000_000n, (495n * COIN) / 100n, true);
    expect(finder.of(same, context)).toEqual([]);
    expect(finder.of(row("uniswap_v2", COIN / 10n, 0n), context)).toEqual([]);
  });
});
