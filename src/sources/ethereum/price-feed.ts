/** What a chain's coin costs, read from a contract on the chain: a Chainlink feed. */
import { Calldata } from "./calldata.ts";
import type { NodeConnection } from "./node-connection.ts";

export interface Price {
  /** US dollars, as a decimal text. */
  readonly price: string;
  readonly source: string;
}

/** The coin in US dollars, by the chain's id; each answers with 8 digits. */
const FEEDS: Readonly<Record<number, string>> = {
  1: "0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419",
  10: "0x13e3ee699d1909e989722e753853ae30b17e08c5",
  8453: "0x71041dddad3595f9ced3dccfbe3d1f4b0a16bb70",
  42161: "0x639fe6ab55c921f74e7fac1ee960c0b6293ba612",
};
const LATEST_ROUND_DATA = "0xfeaf968c";
const DIGITS = 8;

export function feedOf(
  chainId: number,
  chosen: string | null | undefined,
): string | null | undefined {
  return chosen === undefined ? FEEDS[chainId] : chosen;
}

/** Undefined where the contract tells no price. @throws Error when the node does not answer */
export async function readPrice(node: NodeConnection, feed: string): Promise<Price | undefined> {
  const call = { to: feed, data: LATEST_ROUND_DATA };
  const answer = await node.request("eth_call", call, "latest");
  const value = typeof answer === "string" ? new Calldata(answer).uint(1) : undefined;
  // The answer is signed.
  if (value === undefined || value === 0n || value >= 1n << 128n) return undefined;
  const text = String(value).padStart(DIGITS + 1, "0");
  return {
    price: `${text.slice(0, -DIGITS)}.${text.slice(-DIGITS)}`,
    source: `Chainlink ${feed}`,
  };
}
