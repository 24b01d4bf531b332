/** What the model assumes. `README.md` explains each number. */

export const MINUTE_MS = 60_000;

/** A leverage that positions have, and the share of them that has it. */
interface Tier {
  readonly leverage: number;
  readonly weight: number;
  /** The share of a position's value below which its margin may not fall. */
  readonly maintenance: number;
}

export const TIERS: readonly Tier[] = [
  { leverage: 20, weight: 0.3, maintenance: 0.01 },
  { leverage: 25, weight: 0.25, maintenance: 0.01 },
  { leverage: 50, weight: 0.2, maintenance: 0.005 },
  { leverage: 75, weight: 0.1, maintenance: 0.005 },
  { leverage: 100, weight: 0.1, maintenance: 0.005 },
  { leverage: 125, weight: 0.05, maintenance: 0.004 },
];

/** The share of the traded quantity that opens positions, where open interest does not tell it. */
export const OPENED_SHARE = 0.25;
/** Positions are held for at most so long. */
export const LIFETIME_MINUTES = 60;
/** Levels farther from the price are left out, as a share of it. */
export const SPAN = 0.05;
/** The distance between two levels is at least this share of the price. */
const STEP_SHARE = 0.001;

export const DEFAULT_MINUTES = 15;
export const DEFAULT_INTERVAL_MINUTES = 5;
/** Columns of one heatmap. A longer window is refused. */
export const COLUMNS_MAX = 240;

export type Side = "long" | "short";

/** Where a position of one unit of price is liquidated, as a share of its entry price. */
export function liquidationFactor(side: Side, { leverage, maintenance }: Tier): number {
  return side === "long"
    ? (1 - 1 / leverage) / (1 - maintenance)
    : (1 + 1 / leverage) / (1 + maintenance);
}

/** The distance between two levels: 1, 2 or 5 times a power of ten. */
export function stepOf(price: number): number {
  const exponent = Math.floor(Math.log10(price * STEP_SHARE));
  const factor = [1, 2, 5, 10].find((each) => each * 10 ** exponent >= price * STEP_SHARE) ?? 10;
  // Read as a decimal number, which is exact where a product is not.
  return Number(`${factor}e${exponent}`);
}
