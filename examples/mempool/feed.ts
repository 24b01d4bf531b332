/** Where the transactions come from: the built-in chains, or nodes of real ones. */
import { ethereum } from "tidemark/ethereum";
import { BuiltInChain } from "./feed/built-in-chain.ts";
import { PROFILES } from "./feed/chain-profile.ts";
import type { ChainInput } from "./source/mempool-source.ts";

export type FeedOptions =
  | {
      readonly kind: "built-in";
      readonly seed?: number;
      /** Transactions per second of all chains. */
      readonly perSecond?: number;
    }
  | { readonly kind: "rpc"; readonly nodes: readonly NodeAddress[] };

/** A node, and what its chain is called. */
export interface NodeAddress {
  readonly chain: string;
  readonly url: string;
}

const PER_SECOND = 20;
/** Of chains whose coin is not ether. */
const COINS: Readonly<Record<string, string>> = {
  polygon: "POL",
  bsc: "BNB",
  avalanche: "AVAX",
  gnosis: "xDAI",
};

export function inputsOf(feed: FeedOptions): readonly ChainInput[] {
  if (feed.kind === "rpc")
    return feed.nodes.map(({ chain, url }) => ({
      source: ethereum({ url, chain }),
      coin: COINS[chain] ?? "ETH",
    }));
  const { seed = 1, perSecond = PER_SECOND } = feed;
  return PROFILES.map((profile) => ({
    source: new BuiltInChain(profile, { seed, perSecond: perSecond * profile.share }),
    coin: profile.coin,
  }));
}

/** `NAME=ws://…`, or an address alone: then the first one is `ethereum`, others have numbers. */
export function nodesOf(texts: readonly string[]): readonly NodeAddress[] {
  const nodes = texts.map((text, index) => {
    const [, name, url = text] = /^([\w-]+)=(.*)$/.exec(text) ?? [];
    return { chain: name ?? (index === 0 ? "ethereum" : `chain-${index + 1}`), url };
  });
  const names = new Set(nodes.map(({ chain }) => chain));
  if (names.size < nodes.length) throw new Error("--rpc: each chain needs a name of its own.");
  return nodes;
}
