/**
 * Where the details of transactions can be had: for each transaction that arrived lately, how to
 * make or fetch it again. Bounded by a number and an age; who is asked for stays longest.
 */

interface Entry<T> {
  readonly value: T;
  readonly usedMs: number;
}

export interface DetailIndexOptions {
  readonly entriesMax: number;
  /** Since it arrived, or was asked for. */
  readonly ageMsMax: number;
}

export class DetailIndex<T> {
  readonly #options: DetailIndexOptions;
  /** The least recently used comes first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: DetailIndexOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  set(hash: string, value: T, nowMs: number): void {
    this.#entries.delete(hash);
    this.#entries.set(hash, { value, usedMs: nowMs });
    this.#trim(nowMs);
  }

  get(hash: string, nowMs: number): T | undefined {
    this.#trim(nowMs);
    const entry = this.#entries.get(hash);
    if (entry === undefined) return undefined;
    this.#entries.delete(hash);
    this.#entries.set(hash, { ...entry, usedMs: nowMs });
    return entry.value;
  }

  /** Both bounds concern those that come first. */
  #trim(nowMs: number): void {
    const { entriesMax, ageMsMax } = this.#options;
    for (const [hash, { usedMs }] of this.#entries) {
      if (this.#entries.size <= entriesMax && nowMs - usedMs <= ageMsMax) break;
      this.#entries.delete(hash);
    }
  }
}
