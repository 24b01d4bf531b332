/**
 * The rows outside the live table that clients of a feed may hold, by key: rows that the feed's
 * view had when they were evicted, and rows of pages that were read from the store. Under a policy
 * a feed may tell that such a row is gone, and of no other row that the caller may not see.
 *
 * Retains at most `max` keys. While pages are read, it also keeps the keys of changes that were not
 * told, since a page may bring one of these rows.
 */

/** Rows as of one seq, read from the store. */
export interface ReadRows {
  readonly completeThrough: number;
  readonly rows: readonly { readonly key: string }[];
}

export class OutsideRows {
  readonly #max: number;
  readonly #keys = new Set<string>();
  /** Changes that were not told since the oldest running read began: the last seq of each key. */
  readonly #untold = new Map<string, number>();
  #reads = 0;
  #isFull = false;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** There were more rows than are kept: with the next change clients load theirs anew. */
  get isFull(): boolean {
    return this.#isFull;
  }

  add(key: string): void {
    if (this.#keys.size < this.#max) this.#keys.add(key);
    else this.#isFull = true;
  }

  /** Returns whether clients may hold the row. From now on they do not. */
  take(key: string): boolean {
    return this.#keys.delete(key);
  }

  /** No client is told of this change. */
  noteUntold(key: string, seq: number): void {
    if (this.#reads === 0 || this.#isFull) return;
    this.#untold.set(key, seq);
    if (this.#untold.size > this.#max) this.#isFull = true;
  }

  /** All clients load their rows anew. */
  clear(): void {
    this.#keys.clear();
    this.#untold.clear();
    this.#isFull = false;
  }

  /**
   * Reads rows for a client, which may hold them from then on. Undefined if one of them has changed
   * meanwhile without being told: then the rows must be read anew.
   */
  async serve<P extends ReadRows>(read: () => Promise<P>): Promise<P | undefined> {
    this.#reads++;
    try {
      const page = await read();
      const { completeThrough, rows } = page;
      const hasChanged = rows.some(({ key }) => (this.#untold.get(key) ?? -1) > completeThrough);
      // Also of a page that is read anew: most of its rows are in the next one, and are told of
      // meanwhile, so that rows that change fast delay it once.
      for (const { key } of rows) this.add(key);
      return hasChanged ? undefined : page;
    } finally {
      if (--this.#reads === 0) this.#untold.clear();
    }
  }
}
