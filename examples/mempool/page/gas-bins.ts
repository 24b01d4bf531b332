/** What pending transactions would pay for gas, counted in bins of one width on a logarithmic scale. */

export interface Bid {
  readonly max_fee: string;
  readonly tip: string;
}

export interface GasBins {
  /** In gwei. The first bin begins at `low`, the last one ends at `high`. */
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  readonly samples: number;
}

export const BINS = 32;
/** The dearest and the cheapest hundredth count in the outer bins. */
const TRIMMED = 0.01;

/** In the next block: who does not pay the base fee counts with what is offered. */
export function gasBins(bids: readonly Bid[], baseFee: number): GasBins | undefined {
  const prices = Float64Array.from(bids, ({ max_fee, tip }) =>
    Math.min(Number(max_fee), baseFee + Number(tip)),
  )
    .filter((price) => price > 0)
    .sort();
  const last = prices.length - 1;
  const low = prices[Math.floor(last * TRIMMED)];
  const top = prices[Math.ceil(last * (1 - TRIMMED))];
  if (low === undefined || top === undefined) return undefined;
  const high = Math.max(top, low * 1.01);
  const counts = Array.from({ length: BINS }, () => 0);
  for (const price of prices) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(placeOf(price, low, high) * BINS)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { low, high, counts, samples: prices.length };
}

/** From 0 at `low` to 1 at `high`. */
export function placeOf(price: number, low: number, high: number): number {
  return Math.log(price / low) / Math.log(high / low);
}
