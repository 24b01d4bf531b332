/** Randomness as a dependency, like time, so that a run can be replayed from a seed. */

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` characters of lower-case letters and digits; unguessable on the system source. */
  id(length: number): string;
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

export const systemRandom: Random = {
  next: () => Math.random(),
  id(length) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    return Array.from(bytes, (byte) => ALPHABET.charAt(byte & 31)).join("");
  },
};

/** A small deterministic generator (mulberry32) for tests and simulations; not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    id: (length) => Array.from({ length }, () => ALPHABET.charAt(Math.floor(next() * 32))).join(""),
  };
}
