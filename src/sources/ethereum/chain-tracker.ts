/**
 * What is known of a chain: its last blocks, and the transactions that wait. It takes blocks and
 * transactions in the order in which they are read and says which rows change. It does no input or
 * output, and keeps at most `pendingMax` waiting transactions and `blocksMax` blocks.
 */
import { assert } from "../../std/assert.ts";
import type { Block, Header } from "./messages.ts";
import { transactionRow, type EthereumTransaction, type RawTransaction } from "./rows.ts";

export interface ChainTrackerOptions {
  readonly chain: string;
  readonly confirmations: number;
  readonly pendingMax: number;
  readonly blocksMax: number;
}

interface Pending {
  readonly row: EthereumTransaction;
  readonly checkedMs: number;
  /** The last look-up did not find it. */
  readonly isAbsent: boolean;
}

interface TrackedBlock {
  readonly header: Header;
  readonly rows: readonly EthereumTransaction[];
}

export interface TrackedChanges {
  readonly upserts: readonly EthereumTransaction[];
  readonly removes: readonly string[];
  /** All other rows are gone. */
  readonly isReload: boolean;
}

export class ChainTracker {
  readonly #options: ChainTrackerOptions;
  /** By hash, in the order of their arrival. */
  readonly #pending = new Map<string, Pending>();
  /** The waiting transaction of each sender and nonce. */
  readonly #slots = new Map<string, string>();
  #blocks: readonly TrackedBlock[] = [];
  /** The transactions of these blocks. */
  readonly #included = new Set<string>();
  #changes = new Map<string, EthereumTransaction | undefined>();
  #isReload = false;
  #reorgs = 0;
  #reorgDepth = 0;

  constructor(options: ChainTrackerOptions) {
    this.#options = options;
  }

  get head(): Header | undefined {
    return this.#blocks.at(-1)?.header;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Rows that have changed since `take`. */
  get waitingRows(): number {
    return this.#changes.size;
  }

  get reorgs(): { readonly count: number; readonly depth: number } {
    return { count: this.#reorgs, depth: this.#reorgDepth };
  }

  /** The mean time between the remembered blocks. */
  get blockIntervalMs(): number | null {
    const [first, last] = [this.#blocks[0]?.header, this.head];
    if (first === undefined || last === undefined || last.number === first.number) return null;
    return (last.timeMs - first.timeMs) / (last.number - first.number);
  }

  /** Whether a block may follow that one. */
  knowsBlock(hash: string): boolean {
    return this.#blocks.some(({ header }) => header.hash === hash);
  }

  knowsTransaction(hash: string): boolean {
    return this.#pending.has(hash) || this.#included.has(hash);
  }

  /** The number of the first block that is remembered. */
  get lowest(): number | undefined {
    return this.#blocks[0]?.header.number;
  }

  /** The tables begin anew with these blocks, in order. */
  begin(blocks: readonly Block[]): void {
    this.#pending.clear();
    this.#slots.clear();
    this.#included.clear();
    this.#blocks = [];
    this.#changes = new Map();
    this.#isReload = true;
    for (const block of blocks) this.#append(block, block.timeMs, new Map());
  }

  onPending(raw: RawTransaction, seenMs: number): void {
    const { hash } = raw;
    if (this.knowsTransaction(hash)) return;
    const row = transactionRow(raw, { chain: this.#options.chain, seenMs });
    this.#replace(slotOf(row), hash);
    this.#wait(row, seenMs);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size <= this.#options.pendingMax || oldest === undefined) return;
    this.#forget(oldest);
    this.#changes.set(oldest, undefined);
  }

  /**
   * The chain goes on with these blocks, in order. The first one's parent is known; what stood
   * above it is not part of the chain any more.
   */
  onBlocks(blocks: readonly Block[], seenMs: number): void {
    const parent = blocks[0]?.parentHash;
    const at = this.#blocks.findIndex(({ header }) => header.hash === parent);
    assert(at >= 0, "blocks must join on");
    const taken = this.#blocks.slice(at + 1);
    this.#blocks = this.#blocks.slice(0, at + 1);
    if (taken.length > 0) {
      this.#reorgs++;
      this.#reorgDepth = taken.length;
    }
    const returned = new Map(taken.flatMap(({ rows }) => rows.map((row) => [row.hash, row])));
    for (const hash of returned.keys()) this.#included.delete(hash);
    for (const block of blocks) this.#append(block, seenMs, returned);
    // What the new blocks do not have waits again, unless another one has taken its place.
    const used = new Map(
      this.#blocks.flatMap(({ rows }) => rows.map((row) => [slotOf(row), row.hash])),
    );
    for (const row of returned.values()) {
      const waiting = { ...row, status: "pending", block: null } as const;
      const other = used.get(slotOf(row));
      if (other === undefined) this.#wait(waiting, seenMs);
      else this.#changes.set(row.hash, { ...waiting, status: "replaced", replaced_by: other });
    }
  }

  /** Waiting transactions that were not looked up for so long, the oldest first. */
  unchecked(beforeMs: number, max: number): readonly string[] {
    const found: string[] = [];
    for (const [hash, { checkedMs }] of this.#pending) {
      if (found.length >= max) break;
      if (checkedMs <= beforeMs) found.push(hash);
    }
    return found;
  }

  /** The node was asked for a waiting transaction. Gone twice, it is dropped. */
  onChecked(hash: string, isKnown: boolean, nowMs: number): void {
    const pending = this.#pending.get(hash);
    if (pending === undefined) return;
    if (isKnown || !pending.isAbsent) {
      this.#pending.set(hash, { ...pending, checkedMs: nowMs, isAbsent: !isKnown });
      return;
    }
    this.#forget(hash);
    this.#changes.set(hash, { ...pending.row, status: "dropped" });
  }

  take(): TrackedChanges | undefined {
    const changes = this.#changes;
    const isReload = this.#isReload;
    if (changes.size === 0 && !isReload) return undefined;
    this.#changes = new Map();
    this.#isReload = false;
    return {
      upserts: [...changes.values()].filter((row) => row !== undefined),
      removes: [...changes].flatMap(([hash, row]) => (row === undefined ? [hash] : [])),
      isReload,
    };
  }

  #append(block: Block, seenMs: number, returned: Map<string, EthereumTransaction>): void {
    const { transactions, ...header } = block;
    const rows = transactions.map((raw) => {
      const known = this.#pending.get(raw.hash)?.row ?? returned.get(raw.hash);
      const row = known ?? transactionRow(raw, { chain: this.#options.chain, seenMs });
      returned.delete(raw.hash);
      this.#forget(raw.hash);
      const included = { ...row, status: "included", block: block.number } as const;
      this.#replace(slotOf(row), raw.hash);
      this.#changes.set(raw.hash, included);
      this.#included.add(raw.hash);
      return included;
    });
    const blocks = [...this.#blocks, { header, rows }];
    this.#blocks = blocks.slice(-this.#options.blocksMax);
    if (this.#blocks.length < blocks.length)
      for (const { hash } of blocks[0]?.rows ?? []) this.#included.delete(hash);
    this.#confirm(blocks.at(-1 - this.#options.confirmations));
  }

  #confirm(block: TrackedBlock | undefined): void {
    for (const row of block?.rows ?? [])
      this.#changes.set(row.hash, { ...row, status: "confirmed" });
  }

  /** Another transaction has this sender and nonce. */
  #replace(slot: string, hash: string): void {
    const before = this.#slots.get(slot);
    const pending = before === undefined ? undefined : this.#pending.get(before);
    if (before === undefined || before === hash || pending === undefined) return;
    this.#forget(before);
    this.#changes.set(before, { ...pending.row, status: "replaced", replaced_by: hash });
  }

  #wait(row: EthereumTransaction, nowMs: number): void {
    this.#pending.set(row.hash, { row, checkedMs: nowMs, isAbsent: false });
    this.#slots.set(slotOf(row), row.hash);
    this.#changes.set(row.hash, row);
  }

  #forget(hash: string): void {
    const pending = this.#pending.get(hash);
    if (pending === undefined) return;
    this.#pending.delete(hash);
    if (this.#slots.get(slotOf(pending.row)) === hash) this.#slots.delete(slotOf(pending.row));
  }
}

function slotOf({ from, nonce }: EthereumTransaction): string {
  return `${from} ${nonce}`;
}
