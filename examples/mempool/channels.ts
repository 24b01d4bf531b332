/** The channels of the dashboard, with the types of their rows. Values are in the chain's coin. */
import type { ChannelBounds, ChannelDeclaration, ChannelHistory } from "tidemark";
import type { TypedChannel } from "tidemark/client";
import type { EthereumCategory, TransactionStatus } from "tidemark/ethereum";
import { COLUMNS } from "./columns.ts";

/** A row of `tx.main`: the summary of a transaction. */
export interface TransactionSummary {
  readonly hash: string;
  readonly chain: string;
  readonly from: string;
  /** Null for a deployment. */
  readonly to: string | null;
  readonly nonce: number;
  /** Of the chain's coin: a decimal text, exact. */
  readonly value: string;
  readonly gas: number;
  /** In gwei per unit of gas, exact: the most it may cost, and what of it the builder may have. */
  readonly max_fee: string;
  readonly tip: string;
  readonly input_bytes: number;
  readonly protocol: string;
  readonly category: EthereumCategory;
  readonly method: string | null;
  readonly status: TransactionStatus;
  readonly block: number | null;
  readonly replaced_by: string | null;
  readonly seen_unix_ms: number;
}

/** A row of `feature.main`: one thing that a transaction does. */
export interface Feature {
  /** The transaction's hash, and the number of the feature in it. */
  readonly id: string;
  readonly hash: string;
  readonly chain: string;
  readonly protocol: string;
  readonly category: EthereumCategory;
  readonly method: string | null;
  /** Such as `swap` or `nft_sale`. */
  readonly kind: string;
  /** What is moved: a symbol, a pair of symbols, or an address. */
  readonly asset: string | null;
  /** In units of the asset; null where its digits are not known. */
  readonly amount: string | null;
  /** About what it is worth in the chain's coin; null where nothing tells. */
  readonly value: number | null;
  readonly seen_unix_ms: number;
}

/** A row of `opportunity.main`; `docs/ethereum.md` has the formulas. */
export interface Opportunity {
  /** The kind and the transaction's hash. */
  readonly id: string;
  readonly hash: string;
  readonly chain: string;
  readonly kind: "large_swap" | "sandwichable" | "two_pools" | "high_tip";
  /** From 0 to 1. */
  readonly score: number;
  readonly protocol: string;
  readonly pair: string | null;
  /** What the transaction moves, and what could be earned at most, in the chain's coin. */
  readonly value: number;
  readonly profit: number | null;
  /** The figures behind the score, in words. */
  readonly text: string;
  readonly seen_unix_ms: number;
  readonly expires_unix_ms: number;
}

/** A row of `chain.main`. */
export interface ChainStatus {
  readonly chain: string;
  readonly chain_id: number;
  /** Whether its source follows it. */
  readonly status: "live" | "catching_up" | "stale";
  readonly reason: string | null;
  readonly head: number;
  readonly head_hash: string;
  readonly head_unix_ms: number;
  readonly block_interval_ms: number | null;
  /** How full the last block is, from 0 to 1. */
  readonly gas_used_ratio: number;
  /** Of the next block, in gwei. */
  readonly base_fee: string | null;
  readonly pending: number;
  readonly missed: number;
  readonly reorgs: number;
  readonly reorg_depth: number;
  /** The watermark of this chain: everything up to then is in the tables. */
  readonly as_of_unix_ms: number | null;
}

/** A row of `market.main`: what gas costs on a chain, and its coin. Prices of gas are in gwei. */
export interface Market {
  readonly chain: string;
  readonly coin: string;
  readonly base_fee: string | null;
  /** Of what pending transactions would pay for a unit of gas in the next block. */
  readonly gas_p10: number | null;
  readonly gas_p25: number | null;
  readonly gas_p50: number | null;
  readonly gas_p75: number | null;
  readonly gas_p90: number | null;
  readonly gas_p99: number | null;
  readonly tip_p50: number | null;
  readonly tip_p90: number | null;
  /** Transactions behind these figures. */
  readonly samples: number;
  /** Of one coin, in US dollars, as `price_source` says. */
  readonly price: string | null;
  readonly price_source: string | null;
  readonly as_of_unix_ms: number;
}

/** A row of `feature_top`. */
interface FeatureTop {
  readonly protocol: string;
  readonly category: EthereumCategory;
  readonly features: number;
  /** What they move, as far as it is known, in the chains' coins. */
  readonly value: number | null;
  readonly last_unix_ms: number;
}

/** The channels of the source, for the types of their rows. */
export const feed: {
  readonly "tx.main": TypedChannel<TransactionSummary>;
  readonly "feature.main": TypedChannel<Feature>;
  readonly "opportunity.main": TypedChannel<Opportunity>;
  readonly "chain.main": TypedChannel<ChainStatus>;
  readonly "market.main": TypedChannel<Market>;
} = {
  "tx.main": {},
  "feature.main": {},
  "opportunity.main": {},
  "chain.main": {},
  "market.main": {},
};
export type FeedChannelName = keyof typeof feed;
export const FEED_CHANNEL_NAMES = Object.keys(feed) as readonly FeedChannelName[];

/** All channels with the types of their rows, for the page. */
export type Channels = typeof feed & { readonly feature_top: TypedChannel<FeatureTop> };

/** The newest transactions by arrival. */
export const TRANSACTIONS_MAX = 2_000;
const FEATURES_MAX = 2_000;
export const OPPORTUNITIES_MAX = 500;
const CHAINS_MAX = 16;
const HOUR_MS = 3_600_000;

/**
 * For replays of the last hours; the dashboard itself reads only the live tables. A batch of a few
 * rows holds up snapshots and details about as long as a larger one, so batches are rare.
 */
export const HISTORY: ChannelHistory = {
  maxRows: 2_000,
  maxDelayMs: 2_000,
  appendOnly: false,
  keepMs: 2 * HOUR_MS,
  keepRows: Number.POSITIVE_INFINITY,
  keepBytes: Number.POSITIVE_INFINITY,
};

export const FEED_CHANNELS: readonly ChannelDeclaration[] = [
  declared("tx.main", "hash", TRANSACTIONS_MAX, "oldest_arrival"),
  declared("feature.main", "id", FEATURES_MAX),
  declared("opportunity.main", "id", OPPORTUNITIES_MAX),
  declared("chain.main", "chain", CHAINS_MAX),
  declared("market.main", "chain", CHAINS_MAX),
];

function declared(
  name: FeedChannelName,
  key: string,
  rowsMax: number,
  evict: ChannelBounds["evict"] = "oldest_change",
): ChannelDeclaration {
  return {
    name,
    key: [key],
    columns: Object.entries(COLUMNS[name]).map(([column, type]) => ({ name: column, type })),
    bounds: {
      rowsMax,
      bytesMax: 64 * 1024 * 1024,
      ageMsMax: Number.POSITIVE_INFINITY,
      tombstonesMax: 2 * rowsMax,
      evict,
    },
    history: HISTORY,
  };
}
