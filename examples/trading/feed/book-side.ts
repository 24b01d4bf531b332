/**
 * One side of an order book: lots by price, both as whole numbers of ticks and lots. It knows its
 * best price, keeps at most `levelsMax` prices, and collects what has changed.
 */
export type Side = "bid" | "ask";

export class BookSide {
  readonly side: Side;
  /** 1 where higher prices are worse (asks), -1 where lower ones are (bids). */
  readonly outward: 1 | -1;
  readonly #levelsMax: number;
  readonly #levels = new Map<number, number>();
  readonly #changed = new Set<number>();
  #best = 0;

  constructor(side: Side, levelsMax: number) {
    this.side = side;
    this.outward = side === "ask" ? 1 : -1;
    this.#levelsMax = levelsMax;
  }

  get size(): number {
    return this.#levels.size;
  }

  /** Where there is at least one level. */
  get best(): number {
    return this.#best;
  }

  lotsAt(price: number): number {
    return this.#levels.get(price) ?? 0;
  }

  /** Prices from the best one on. */
  prices(): readonly number[] {
    return [...this.#levels.keys()].sort((left, right) => (left - right) * this.outward);
  }

  add(price: number, lots: number): void {
    if (this.#levels.size === 0 || (price - this.#best) * this.outward < 0) this.#best = price;
    this.#levels.set(price, this.lotsAt(price) + lots);
    this.#changed.add(price);
    if (this.#levels.size > this.#levelsMax) this.#drop(this.prices().at(-1) as number);
  }

  /** Takes up to so many lots at a price, and returns how many it were. */
  take(price: number, lots: number): number {
    const there = this.lotsAt(price);
    const taken = Math.min(there, lots);
    if (taken === 0) return 0;
    this.#changed.add(price);
    if (taken === there) this.#drop(price);
    else this.#levels.set(price, there - taken);
    return taken;
  }

  /** The prices that have changed since the last call, with their lots; 0 where none are left. */
  takeChanges(): readonly (readonly [price: number, lots: number])[] {
    const changes = Array.from(this.#changed, (price) => [price, this.lotsAt(price)] as const);
    this.#changed.clear();
    return changes;
  }

  #drop(price: number): void {
    this.#levels.delete(price);
    this.#changed.add(price);
    if (price === this.#best) this.#best = this.prices()[0] ?? price;
  }
}
