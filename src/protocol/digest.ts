/**
 * An order-free digest of rows: the sum of their hashes, which both sides update with each changed
 * row. It finds errors, not forgery: 48 bits, two multiplications per character, no cryptography.
 */

export const DIGEST_MODULUS = 2 ** 48;

/** The hash of a row's JSON text, which includes its key. */
export function rowHash(json: string): number {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    low = Math.imul(low ^ code, 2_654_435_761);
    high = Math.imul(high ^ code, 1_597_334_677);
  }
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return (high & 0xffff) * 2 ** 32 + (low >>> 0);
}

/** `sum` with one row's hash replaced by another's; 0 stands for no row. */
export function replaceHash(sum: number, before: number, after: number): number {
  return (sum - before + after + DIGEST_MODULUS) % DIGEST_MODULUS;
}

export function digestText(sum: number): string {
  return sum.toString(16);
}
