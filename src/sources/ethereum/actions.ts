/** What a transaction does, as its input says before anybody has run it. */

/** Null stands for the chain's own coin. Amounts are decimal texts in the smallest unit. */
export type EthereumAction =
  | {
      readonly kind: "transfer";
      readonly token: string | null;
      readonly to: string;
      readonly amount: string;
    }
  | {
      readonly kind: "approval";
      readonly token: string;
      readonly spender: string;
      /** Null: of all tokens, or more than there can be. */
      readonly amount: string | null;
    }
  | {
      readonly kind: "swap";
      readonly token_in: string | null;
      readonly token_out: string | null;
      /** Of a swap with an exact output: the most that it may cost. */
      readonly amount_in: string;
      /** The least that it must give; of a swap with an exact output: that output. */
      readonly amount_out: string;
      readonly exact: "in" | "out";
    }
  | {
      readonly kind: "nft_sale";
      readonly collection: string;
      readonly token_id: string;
      /** Whose order is filled. */
      readonly offerer: string;
      readonly currency: string | null;
      readonly price: string;
    }
  | {
      readonly kind: "nft_transfer";
      readonly collection: string;
      readonly token_id: string;
      readonly to: string;
    }
  | { readonly kind: "wrap"; readonly token: string; readonly amount: string }
  | { readonly kind: "unwrap"; readonly token: string; readonly amount: string }
  | { readonly kind: "deployment"; readonly code_bytes: number };

export type EthereumCategory =
  | "transfer"
  | "approval"
  | "swap"
  | "nft"
  | "wrap"
  | "deployment"
  | "other";

export const CATEGORY_OF: Readonly<Record<EthereumAction["kind"], EthereumCategory>> = {
  transfer: "transfer",
  approval: "approval",
  swap: "swap",
  nft_sale: "nft",
  nft_transfer: "nft",
  wrap: "wrap",
  unwrap: "wrap",
  deployment: "deployment",
};

/** A transaction as far as decoding needs it; addresses and input in lower case. */
export interface CallInput {
  /** Null for a deployment. */
  readonly to: string | null;
  readonly value: bigint;
  readonly input: string;
}
