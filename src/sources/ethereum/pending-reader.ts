/**
 * Reads transactions that a node announces: whole ones at once, hashes through a bounded queue. A
 * hash that waits too long is dropped and counted; its transaction shows when it is in a block.
 */
import type { NodeConnection } from "./node-connection.ts";
import { transactionOf } from "./messages.ts";
import type { RawTransaction } from "./rows.ts";

export interface PendingReaderOptions {
  readonly node: NodeConnection;
  readonly hashesMax: number;
  readonly fetchesMax: number;
  readonly now: () => number;
  readonly isKnown: (hash: string) => boolean;
  readonly onTransaction: (raw: RawTransaction, seenMs: number) => void;
  readonly onMissed: () => void;
}

export class PendingReader {
  readonly #options: PendingReaderOptions;
  /** With the time of the announcement, the oldest first; those under way stay until they end. */
  readonly #hashes = new Map<string, number>();
  readonly #fetching = new Set<string>();

  constructor(options: PendingReaderOptions) {
    this.#options = options;
  }

  /** When the oldest announcement came that was not read yet. */
  get oldestMs(): number | undefined {
    const [oldest] = this.#hashes.values();
    return oldest;
  }

  onAnnounced(data: unknown): void {
    const { now, isKnown, onTransaction, hashesMax, onMissed } = this.#options;
    if (typeof data !== "string") {
      try {
        return onTransaction(transactionOf(data), now());
      } catch {
        return onMissed();
      }
    }
    const hash = data.toLowerCase();
    if (isKnown(hash) || this.#hashes.has(hash)) return;
    this.#hashes.set(hash, now());
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > hashesMax && oldest !== undefined) {
      this.#hashes.delete(oldest);
      onMissed();
    }
    this.#fetchNext();
  }

  #fetchNext(): void {
    for (const [hash, seenMs] of this.#hashes) {
      if (this.#fetching.size >= this.#options.fetchesMax) return;
      if (!this.#fetching.has(hash)) void this.#fetch(hash, seenMs);
    }
  }

  async #fetch(hash: string, seenMs: number): Promise<void> {
    const { node, onTransaction, onMissed } = this.#options;
    this.#fetching.add(hash);
    try {
      const found = await node.request("eth_getTransactionByHash", hash);
      // Gone again: replaced or dropped. One that is in a block comes with its block.
      if (found !== null && (found as { blockHash?: unknown }).blockHash == null)
        onTransaction(transactionOf(found), seenMs);
    } catch {
      // An answer that failed, or none: the connection tells its end by itself.
      onMissed();
    }
    this.#fetching.delete(hash);
    this.#hashes.delete(hash);
    this.#fetchNext();
  }
}
