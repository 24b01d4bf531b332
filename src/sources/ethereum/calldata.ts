/**
 * Reads the input of a call by the contract ABI: words of 32 bytes, and offsets to dynamic values.
 * Inputs come from anybody, so a read outside of the input, or of a value that does not fit, is
 * undefined and never throws. Nothing is copied, and a list is read only up to its stated bound.
 */

const WORD_DIGITS = 64;
/** Longer values are no offset, length or count. */
const SMALL_DIGITS = 8;

export class Calldata {
  readonly #hex: string;
  /** Where the words begin, in digits. Offsets of dynamic values count from here. */
  readonly #start: number;
  readonly #end: number;

  /** `hex` begins with `0x`. */
  constructor(hex: string, start = 2, end = hex.length) {
    this.#hex = hex;
    this.#start = start;
    this.#end = Math.min(end, hex.length);
  }

  get byteLength(): number {
    return Math.max(0, (this.#end - this.#start) / 2);
  }

  /** Bytes as they stand, with `0x`; undefined where there are not so many. */
  raw(from: number, length: number): string | undefined {
    const start = this.#start + from * 2;
    const end = start + length * 2;
    return end <= this.#end ? `0x${this.#hex.slice(start, end)}` : undefined;
  }

  /** What follows so many bytes, such as the selector. */
  after(bytes: number): Calldata {
    return new Calldata(this.#hex, this.#start + bytes * 2, this.#end);
  }

  uint(index: number): bigint | undefined {
    const word = this.#word(index);
    return word === undefined ? undefined : BigInt(`0x${word}`);
  }

  /** An offset, a length or a count: a number of at most four bytes. */
  small(index: number): number | undefined {
    const word = this.#word(index);
    const digits = word?.slice(-SMALL_DIGITS);
    return digits !== undefined && word === digits.padStart(WORD_DIGITS, "0")
      ? Number.parseInt(digits, 16)
      : undefined;
  }

  address(index: number): string | undefined {
    const word = this.#word(index);
    return word?.startsWith("0".repeat(24)) === true ? `0x${word.slice(24)}` : undefined;
  }

  /** The dynamic value, or the tuple, whose offset stands in this word. */
  at(index: number): Calldata | undefined {
    const offset = this.small(index);
    return offset === undefined ? undefined : this.after(offset);
  }

  /** The bytes whose offset stands in this word. */
  bytes(index: number): Calldata | undefined {
    const value = this.at(index);
    const length = value?.small(0);
    if (value === undefined || length === undefined) return undefined;
    const start = value.#start + WORD_DIGITS;
    const end = start + length * 2;
    return end <= this.#end ? new Calldata(this.#hex, start, end) : undefined;
  }

  /** The items of the list whose offset stands in this word; undefined with more than `max`. */
  list<T>(
    index: number,
    max: number,
    read: (items: Calldata, index: number) => T | undefined,
  ): readonly T[] | undefined {
    const list = this.at(index);
    const count = list?.small(0);
    if (list === undefined || count === undefined || count > max) return undefined;
    const items = list.after(WORD_DIGITS / 2);
    const found: T[] = [];
    for (let at = 0; at < count; at++) {
      const item = read(items, at);
      if (item === undefined) return undefined;
      found.push(item);
    }
    return found;
  }

  #word(index: number): string | undefined {
    const start = this.#start + index * WORD_DIGITS;
    const end = start + WORD_DIGITS;
    return end <= this.#end ? this.#hex.slice(start, end) : undefined;
  }
}
