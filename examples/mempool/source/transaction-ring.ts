/**
 * The transactions that `tx.main` holds: the newest by arrival, as its bound says. The change of a
 * transaction that has left does not bring it back as a new one.
 */
export class TransactionRing {
  readonly #max: number;
  readonly #chains = new Map<string, { readonly chain: string; readonly seenMs: number }>();

  constructor(max: number) {
    this.#max = max;
  }

  has(hash: string): boolean {
    return this.#chains.has(hash);
  }

  /** Whether it is one of the newest. */
  enter(hash: string, chain: string, seenMs: number): boolean {
    const [oldest] = this.#chains;
    const isFull = this.#chains.size >= this.#max;
    // One that has left comes back only as a change of what it was.
    if (isFull && oldest !== undefined && seenMs <= oldest[1].seenMs) return false;
    if (isFull && oldest !== undefined) this.#chains.delete(oldest[0]);
    this.#chains.set(hash, { chain, seenMs });
    return true;
  }

  delete(hash: string): boolean {
    return this.#chains.delete(hash);
  }

  ofChain(chain: string): readonly string[] {
    return [...this.#chains].flatMap(([hash, entry]) => (entry.chain === chain ? [hash] : []));
  }
}
