/**
 * The keys of a table in the order in which they entered it; a change does not move a key. Kept
 * only for channels whose bounds evict by arrival.
 *
 * Retains one entry per key that was added and not deleted.
 */

interface Arrival {
  readonly key: string;
  earlier: Arrival | undefined;
  later: Arrival | undefined;
}

export class ArrivalOrder {
  readonly #arrivals = new Map<string, Arrival>();
  #first: Arrival | undefined;
  #last: Arrival | undefined;

  /** The key that entered first of those that are still there. */
  get first(): string | undefined {
    return this.#first?.key;
  }

  /** Adds a key that is not there. */
  add(key: string): void {
    const arrival: Arrival = { key, earlier: this.#last, later: undefined };
    this.#arrivals.set(key, arrival);
    if (this.#last === undefined) this.#first = arrival;
    else this.#last.later = arrival;
    this.#last = arrival;
  }

  delete(key: string): void {
    const arrival = this.#arrivals.get(key);
    if (arrival === undefined) return;
    this.#arrivals.delete(key);
    const { earlier, later } = arrival;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
  }
}
