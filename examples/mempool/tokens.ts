/** Well-known tokens by chain, so that amounts can be read and compared. */

export interface Token {
  readonly symbol: string;
  readonly digits: number;
  /** What its price follows: the chain's coin, a US dollar, or nothing that is known here. */
  readonly unit: "coin" | "dollar" | "other";
}

type Listed = readonly [address: string, symbol: string, digits: number, unit: Token["unit"]];

const ETHEREUM: readonly Listed[] = [
  ["0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "WETH", 18, "coin"],
  ["0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "USDC", 6, "dollar"],
  ["0xdac17f958d2ee523a2206206994597c13d831ec7", "USDT", 6, "dollar"],
  ["0x6b175474e89094c44da98b954eedeac495271d0f", "DAI", 18, "dollar"],
  ["0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", "WBTC", 8, "other"],
  ["0x514910771af9ca656af840dff83e8264ecf986ca", "LINK", 18, "other"],
  ["0x1f9840a85d5af5bf1d1762f925bdaddc4201f984", "UNI", 18, "other"],
];
const BASE: readonly Listed[] = [
  ["0x4200000000000000000000000000000000000006", "WETH", 18, "coin"],
  ["0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "USDC", 6, "dollar"],
  ["0x50c5725949a6f0c72e6c4a641f24049a917db0cb", "DAI", 18, "dollar"],
  ["0x940181a94a35a4569e4529a3cdfb74e38fd98631", "AERO", 18, "other"],
];

/** By the chain's id. */
export const TOKENS: ReadonlyMap<number, ReadonlyMap<string, Token>> = new Map([
  [1, tokensOf(ETHEREUM)],
  [8453, tokensOf(BASE)],
]);

function tokensOf(listed: readonly Listed[]): ReadonlyMap<string, Token> {
  return new Map(
    listed.map(([address, symbol, digits, unit]) => [address, { symbol, digits, unit }]),
  );
}

/** A number of smallest units as a decimal text, without zeros at the end. */
export function decimalOf(amount: bigint, digits: number): string {
  const text = String(amount).padStart(digits + 1, "0");
  if (digits === 0) return text;
  const fraction = text.slice(-digits).replace(/0+$/, "");
  const whole = text.slice(0, -digits);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
