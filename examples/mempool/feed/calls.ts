/** Inputs of calls by the contract ABI, for the transactions of the built-in feed. */

const WORD_DIGITS = 64;

export type Word = bigint | number | string;

/** One word: a number, or an address. */
export function word(value: Word): string {
  const digits = typeof value === "string" ? value.slice(2) : value.toString(16);
  return digits.padStart(WORD_DIGITS, "0");
}

/** A selector with arguments of one word each. */
export function call(selector: string, ...words: readonly Word[]): string {
  return selector + words.map(word).join("");
}

/** Bytes with their length in front, filled up to whole words. `digits` has no `0x`. */
export function bytes(digits: string): string {
  const filled = Math.ceil(digits.length / WORD_DIGITS) * WORD_DIGITS;
  return word(digits.length / 2) + digits.padEnd(filled, "0");
}

/** A list of words with its length in front. */
export function list(...words: readonly Word[]): string {
  return word(words.length) + words.map(word).join("");
}

/** A list of dynamic values: its length, the offset of each, and the values. */
export function dynamicList(values: readonly string[]): string {
  let offset = values.length * (WORD_DIGITS / 2);
  const offsets = values.map((value) => {
    const at = offset;
    offset += value.length / 2;
    return word(at);
  });
  return word(values.length) + offsets.join("") + values.join("");
}
