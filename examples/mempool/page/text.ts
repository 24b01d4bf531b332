/** Texts of transactions: short hashes, names and amounts. */
import { groupDigits } from "../../ui/format.ts";

/** `0x1234…cdef` */
export function shortHash(hash: string): string {
  return `${hash.slice(0, 6)}…${hash.slice(-4)}`;
}

/** `uniswap_v3` as `uniswap v3` */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

/** A decimal text with at most so many digits behind the point; what is too small is said so. */
export function decimals(value: string | number, digits: number): string {
  const amount = Number(value);
  const least = 10 ** -digits;
  if (amount !== 0 && Math.abs(amount) < least) return `< ${least.toFixed(digits)}`;
  return groupDigits(amount.toFixed(digits));
}

/** Prices of gas range from thousandths to thousands. */
export function gwei(value: string | number | null): string {
  if (value === null) return "–";
  const amount = Number(value);
  return amount >= 10 ? amount.toFixed(1) : amount >= 1 ? amount.toFixed(2) : amount.toFixed(4);
}
