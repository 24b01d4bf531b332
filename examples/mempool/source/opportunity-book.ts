/** The opportunities that are open: bounded, and each until it expires or its transaction is done. */
import type { Opportunity } from "../channels.ts";

export class OpportunityBook {
  readonly #max: number;
  readonly #open = new Map<string, Opportunity>();
  readonly #idsByHash = new Map<string, readonly string[]>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Returns the ids of those that leave for them. */
  add(opportunities: readonly Opportunity[]): readonly string[] {
    for (const each of opportunities) {
      this.#open.set(each.id, each);
      const ids = this.#idsByHash.get(each.hash) ?? [];
      if (!ids.includes(each.id)) this.#idsByHash.set(each.hash, [...ids, each.id]);
    }
    const left: string[] = [];
    for (const [id, { hash }] of this.#open) {
      if (this.#open.size <= this.#max) break;
      left.push(id);
      this.#forget(id, hash);
    }
    return left;
  }

  /** The transaction is in a block, replaced or dropped. */
  close(hash: string): readonly string[] {
    const ids = this.#idsByHash.get(hash) ?? [];
    for (const id of ids) this.#forget(id, hash);
    return ids;
  }

  expire(nowMs: number): readonly string[] {
    const expired = [...this.#open.values()].filter((each) => each.expires_unix_ms <= nowMs);
    for (const { id, hash } of expired) this.#forget(id, hash);
    return expired.map(({ id }) => id);
  }

  #forget(id: string, hash: string): void {
    this.#open.delete(id);
    const others = (this.#idsByHash.get(hash) ?? []).filter((other) => other !== id);
    if (others.length === 0) this.#idsByHash.delete(hash);
    else this.#idsByHash.set(hash, others);
  }
}
