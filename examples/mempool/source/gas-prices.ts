/**
 * What the pending transactions of a chain would pay for gas. Bounded: the oldest of too many are
 * left out.
 */
import { decimalOf } from "../tokens.ts";

const SAMPLES_MAX = 5_000;
const GWEI_DIGITS = 9;

interface Bid {
  readonly maxFee: number;
  readonly tip: number;
}

export interface GasQuantiles {
  readonly gas: readonly (number | null)[];
  readonly tip: readonly (number | null)[];
  readonly samples: number;
}

export class GasPrices {
  readonly #bids = new Map<string, Bid>();

  /** Fees in gwei. */
  set(hash: string, maxFee: number, tip: number): void {
    this.#bids.set(hash, { maxFee, tip });
    if (this.#bids.size <= SAMPLES_MAX) return;
    const [oldest] = this.#bids.keys();
    if (oldest !== undefined) this.#bids.delete(oldest);
  }

  delete(hash: string): void {
    this.#bids.delete(hash);
  }

  clear(): void {
    this.#bids.clear();
  }

  /**
   * Of the price of gas in the next block, and of the tips in it. Who does not pay the base fee
   * counts with what is offered.
   */
  quantiles(
    baseFee: number,
    gasShares: readonly number[],
    tipShares: readonly number[],
  ): GasQuantiles {
    const prices = new Float64Array(this.#bids.size);
    const tips = new Float64Array(this.#bids.size);
    let at = 0;
    for (const { maxFee, tip } of this.#bids.values()) {
      prices[at] = Math.min(maxFee, baseFee + tip);
      tips[at++] = tip;
    }
    prices.sort();
    tips.sort();
    return {
      gas: gasShares.map((share) => quantileOf(prices, share)),
      tip: tipShares.map((share) => quantileOf(tips, share)),
      samples: prices.length,
    };
  }
}

function quantileOf(sorted: Float64Array, share: number): number | null {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? null : Number(value.toPrecision(6));
}

/** Wei as a decimal text of gwei. */
export function gweiOf(wei: string): string {
  return decimalOf(BigInt(wei), GWEI_DIGITS);
}
