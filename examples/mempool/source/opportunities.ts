/**
 * Pending transactions that somebody could profit from, or that pay to be first. Each kind is a
 * formula over one transaction, the base fee and what was seen lately; docs/ethereum.md has them.
 * They are hints: nothing is simulated, and the chain's state is not read.
 */
import type { EthereumAction, EthereumTransaction } from "tidemark/ethereum";
import type { Opportunity } from "../channels.ts";
import { pairOf, valueOf, type Valuation } from "./features.ts";

/** What the formulas know besides the transaction. */
export interface OpportunityContext {
  readonly valuation: Valuation;
  /** Of the next block, in gwei. */
  readonly baseFee: number;
  /** What 90 % of the pending transactions stay below, in gwei; null where there are too few. */
  readonly tipP90: number | null;
}

type Swap = Extract<EthereumAction, { readonly kind: "swap" }>;

interface SeenSwap {
  readonly protocol: string;
  readonly hash: string;
  readonly value: number;
  readonly isReverse: boolean;
  readonly seenMs: number;
}

/** In coins, from which on a swap is large. */
const LARGE = 10;
const SANDWICH = { value: 0.5, slippage: 0.03, gas: 300_000, half: 0.05 };
const TWO_POOLS = { value: 1, withinMs: 30_000, half: 5 };
const TIP_FACTOR = 5;
const LIFE_MS = { large_swap: 60_000, sandwichable: 30_000, two_pools: 30_000, high_tip: 60_000 };
const PAIRS_MAX = 256;
const GWEI = 1e9;

export class Opportunities {
  /** The last swap worth mentioning, by chain and pair. The oldest of too many pairs is forgotten. */
  readonly #swaps = new Map<string, SeenSwap>();

  /** Of a transaction that has just arrived. */
  of(row: EthereumTransaction, context: OpportunityContext): readonly Opportunity[] {
    const swaps = row.actions.filter((action): action is Swap => action.kind === "swap");
    const found = swaps.slice(0, 1).flatMap((swap) => {
      const value = valueOf(swap.token_in, swap.amount_in, context.valuation);
      if (value === null) return [];
      return [
        largeSwap(row, swap, value, context),
        sandwichable(row, swap, value, context),
        this.#twoPools(row, swap, value, context),
      ];
    });
    return [...found, highTip(row, context)].filter((each) => each !== undefined);
  }

  #twoPools(
    row: EthereumTransaction,
    swap: Swap,
    value: number,
    { valuation }: OpportunityContext,
  ): Opportunity | undefined {
    if (value < TWO_POOLS.value) return undefined;
    const pair = pairOf(swap, valuation);
    const key = `${row.chain} ${pair}`;
    const { protocol, hash, seen_unix_ms: seenMs } = row;
    const isReverse = String(swap.token_in) > String(swap.token_out);
    const other = this.#swaps.get(key);
    this.#swaps.delete(key);
    this.#swaps.set(key, { protocol, hash, value, isReverse, seenMs });
    const [oldest] = this.#swaps.keys();
    if (this.#swaps.size > PAIRS_MAX && oldest !== undefined) this.#swaps.delete(oldest);
    if (
      other === undefined ||
      other.protocol === protocol ||
      other.isReverse === isReverse ||
      seenMs - other.seenMs > TWO_POOLS.withinMs
    )
      return undefined;
    const least = Math.min(value, other.value);
    const seconds = ((seenMs - other.seenMs) / 1_000).toFixed(1);
    return opportunity(row, "two_pools", {
      score: least / (least + TWO_POOLS.half),
      pair,
      value: least,
      profit: null,
      text: `${other.protocol} and ${protocol} are moved in opposite directions within ${seconds} s`,
    });
  }
}

function largeSwap(
  row: EthereumTransaction,
  swap: Swap,
  value: number,
  { valuation }: OpportunityContext,
): Opportunity | undefined {
  if (value < LARGE) return undefined;
  return opportunity(row, "large_swap", {
    score: value / (value + LARGE),
    pair: pairOf(swap, valuation),
    value,
    profit: null,
    text: `swaps ${value.toFixed(2)} ${valuation.coin}`,
  });
}

/** The most that others could take from a swap, by the slippage that it allows. */
function sandwichable(
  row: EthereumTransaction,
  swap: Swap,
  value: number,
  { valuation, baseFee }: OpportunityContext,
): Opportunity | undefined {
  const least = swap.amount_out === "0" ? 0 : valueOf(swap.token_out, swap.amount_out, valuation);
  if (value < SANDWICH.value || least === null) return undefined;
  const slippage = 1 - least / value;
  const profit = slippage * value - (SANDWICH.gas * baseFee) / GWEI;
  if (slippage < SANDWICH.slippage || profit <= 0) return undefined;
  return opportunity(row, "sandwichable", {
    score: profit / (profit + SANDWICH.half),
    pair: pairOf(swap, valuation),
    value,
    profit,
    text: `allows ${(slippage * 100).toFixed(1)} % less than its ${value.toFixed(2)} ${valuation.coin}`,
  });
}

function highTip(
  row: EthereumTransaction,
  { tipP90, valuation, baseFee }: OpportunityContext,
): Opportunity | undefined {
  const tip = Math.min(Number(row.priority_fee), Number(row.max_fee) - baseFee * GWEI) / GWEI;
  if (tipP90 === null || tipP90 === 0 || tip < TIP_FACTOR * tipP90) return undefined;
  return opportunity(row, "high_tip", {
    score: 1 - tipP90 / tip,
    pair: null,
    value: (tip * row.gas) / GWEI,
    profit: null,
    text: `offers ${(tip / tipP90).toFixed(0)} times the tip that 90 % stay below, ${((tip * row.gas) / GWEI).toFixed(4)} ${valuation.coin} in all`,
  });
}

function opportunity(
  { hash, chain, protocol, seen_unix_ms }: EthereumTransaction,
  kind: Opportunity["kind"],
  figures: Pick<Opportunity, "score" | "pair" | "value" | "profit" | "text">,
): Opportunity {
  const { score, value, profit } = figures;
  return {
    ...figures,
    id: `${kind}:${hash}`,
    hash,
    chain,
    kind,
    protocol,
    score: Number(score.toFixed(4)),
    value: Number(value.toPrecision(6)),
    profit: profit === null ? null : Number(profit.toPrecision(6)),
    seen_unix_ms,
    expires_unix_ms: seen_unix_ms + LIFE_MS[kind],
  };
}
