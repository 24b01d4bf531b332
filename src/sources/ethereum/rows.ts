/** The rows of the source's channels, and how a transaction becomes one. */
import type { Column } from "../../protocol/column.ts";
import type { EthereumAction, EthereumCategory } from "./actions.ts";
import { decodeTransaction } from "./decode.ts";

/**
 * `included`: in a block that a reorganisation may still take back; `confirmed`: in one that has
 * enough blocks above it; `replaced`: another transaction has its sender and nonce; `dropped`: the
 * node does not know it any more.
 */
export type TransactionStatus = "pending" | "included" | "confirmed" | "replaced" | "dropped";

/** A row of `transactions`. */
export interface EthereumTransaction {
  readonly hash: string;
  readonly chain: string;
  readonly from: string;
  /** Null for a deployment. */
  readonly to: string | null;
  readonly nonce: number;
  /** In wei, as the fees are: a decimal text. */
  readonly value: string;
  readonly gas: number;
  /** The most that a unit of gas may cost, … */
  readonly max_fee: string;
  /** …and what of it the block's builder may have at most. */
  readonly priority_fee: string;
  readonly input_bytes: number;
  readonly protocol: string;
  readonly category: EthereumCategory;
  readonly method: string | null;
  readonly actions: readonly EthereumAction[];
  readonly status: TransactionStatus;
  readonly block: number | null;
  readonly replaced_by: string | null;
  /** When this source saw it first. */
  readonly seen_unix_ms: number;
}

/** The row of `chains`: what the source knows of its chain. */
export interface EthereumChain {
  readonly chain: string;
  readonly chain_id: number;
  readonly head: number;
  readonly head_hash: string;
  /** By the block's own time. */
  readonly head_unix_ms: number;
  /** The mean time between the last blocks; null until there are two. */
  readonly block_interval_ms: number | null;
  readonly gas_used: number;
  readonly gas_limit: number;
  /** Of the next block, in wei; null before EIP-1559. */
  readonly base_fee: string | null;
  /** Transactions that are followed until they are in a block. */
  readonly pending: number;
  /** Announced transactions that could not be read in time, since the start. */
  readonly missed: number;
  /** Reorganisations since the start, and how many blocks the last one took back. */
  readonly reorgs: number;
  readonly reorg_depth: number;
  /** What one coin costs in US dollars, as `price_source` says; null where nothing says so. */
  readonly price: string | null;
  readonly price_source: string | null;
}

export const TRANSACTION_COLUMNS: readonly Column[] = [
  { name: "hash", type: "text" },
  { name: "chain", type: "text" },
  { name: "from", type: "text" },
  { name: "to", type: "text" },
  { name: "nonce", type: "integer" },
  { name: "value", type: "bigint" },
  { name: "gas", type: "integer" },
  { name: "max_fee", type: "bigint" },
  { name: "priority_fee", type: "bigint" },
  { name: "input_bytes", type: "integer" },
  { name: "protocol", type: "text" },
  { name: "category", type: "text" },
  { name: "method", type: "text" },
  { name: "actions", type: "json" },
  { name: "status", type: "text" },
  { name: "block", type: "integer" },
  { name: "replaced_by", type: "text" },
  { name: "seen_unix_ms", type: "integer" },
];

export const CHAIN_COLUMNS: readonly Column[] = [
  { name: "chain", type: "text" },
  { name: "chain_id", type: "integer" },
  { name: "head", type: "integer" },
  { name: "head_hash", type: "text" },
  { name: "head_unix_ms", type: "integer" },
  { name: "block_interval_ms", type: "float" },
  { name: "gas_used", type: "integer" },
  { name: "gas_limit", type: "integer" },
  { name: "base_fee", type: "bigint" },
  { name: "pending", type: "integer" },
  { name: "missed", type: "integer" },
  { name: "reorgs", type: "integer" },
  { name: "reorg_depth", type: "integer" },
  { name: "price", type: "numeric" },
  { name: "price_source", type: "text" },
];

/** A transaction as a node has it. */
export interface RawTransaction {
  readonly hash: string;
  readonly from: string;
  readonly to: string | null;
  readonly nonce: number;
  readonly value: bigint;
  readonly gas: number;
  readonly maxFee: bigint;
  readonly priorityFee: bigint;
  readonly input: string;
}

/** The row of a pending transaction. */
export function transactionRow(
  raw: RawTransaction,
  { chain, seenMs }: { readonly chain: string; readonly seenMs: number },
): EthereumTransaction {
  const { hash, from, to, nonce, value, gas, maxFee, priorityFee, input } = raw;
  const { protocol, category, method, actions } = decodeTransaction({ to, value, input });
  return {
    hash,
    chain,
    from,
    to,
    nonce,
    value: String(value),
    gas,
    max_fee: String(maxFee),
    priority_fee: String(priorityFee),
    input_bytes: (input.length - 2) / 2,
    protocol,
    category,
    method,
    actions,
    status: "pending",
    block: null,
    replaced_by: null,
    seen_unix_ms: seenMs,
  };
}
