/** The chains that the built-in feed simulates. */

export interface ChainProfile {
  readonly name: string;
  readonly id: number;
  readonly coin: string;
  readonly blockMs: number;
  /** Of all transactions of the feed. */
  readonly share: number;
  /** What people pay for a unit of gas, in gwei: half of them more. */
  readonly feeGwei: number;
  readonly tipGwei: number;
  /** Blocks above one after which it counts as final. */
  readonly confirmations: number;
  /** The first block, and the coin's first price in US dollars. */
  readonly head: number;
  readonly price: number;
}

export const PROFILES: readonly ChainProfile[] = [
  {
    name: "ethereum",
    id: 1,
    coin: "ETH",
    blockMs: 12_000,
    share: 0.65,
    feeGwei: 18,
    tipGwei: 1.2,
    confirmations: 3,
    head: 21_400_000,
    price: 3_180,
  },
  {
    name: "base",
    id: 8453,
    coin: "ETH",
    blockMs: 2_000,
    share: 0.35,
    feeGwei: 0.04,
    tipGwei: 0.006,
    confirmations: 5,
    head: 23_100_000,
    price: 3_180,
  },
];
