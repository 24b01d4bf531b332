/**
 * The steps that the store does not hold yet, oldest first: in memory, and from the first failure
 * or lack of room on in a spill too.
 */
import { assert } from "../std/assert.ts";
import type { HistoryLimits } from "./limits.ts";
import type { Spill } from "./spill.ts";
import type { HistoryStep } from "./step.ts";
import { isReload } from "./unchanged-rows.ts";

export class Pending {
  readonly #limits: HistoryLimits;
  readonly #spill: Spill | undefined;
  /** The oldest steps; while spilling, newer ones are in the spill alone. */
  #steps: HistoryStep[] = [];
  #rows = 0;
  #bytes = 0;
  #isSpilling = false;
  #newestSeq = 0;
  /** The newest step that has been in memory. */
  #keptSeq = 0;
  /** The newest step that the store holds. */
  #storedSeq = 0;
  #storedMs = 0;
  /** Rows in the spill alone. */
  #spilledRows = 0;

  constructor(limits: HistoryLimits, spill: Spill | undefined) {
    this.#limits = limits;
    this.#spill = spill;
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows + this.#spilledRows;
  }

  /** Bytes of the rows' JSON in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get spillBytes(): number {
    return this.#spill?.bytes ?? 0;
  }

  get isSpilling(): boolean {
    return this.#isSpilling;
  }

  /** Whether producers are refused. */
  get isFull(): boolean {
    return this.#spill === undefined ? this.#isMemoryFull : this.#spill.isFull;
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0 && !this.#isSpilling;
  }

  /** The oldest step's seq; undefined when nothing waits. */
  get oldest(): HistoryStep | undefined {
    return this.#steps[0];
  }

  /** The time of the oldest step, about: where it is in the spill alone, of the one before it. */
  get oldestMs(): number | undefined {
    return this.isEmpty ? undefined : (this.oldest?.timeMs ?? this.#storedMs);
  }

  /** What waits up to this seq is in the spill's files, and outlasts the process; 0 for nothing. */
  get writtenSeq(): number {
    return this.#spill?.writtenSeq ?? 0;
  }

  push(step: HistoryStep): void {
    this.#newestSeq = step.seq;
    if (this.#isSpilling) {
      this.#spill?.append(step);
      this.#spilledRows += rowsOf(step);
      return;
    }
    this.#keep(step);
    if (this.#isMemoryFull) this.spill();
  }

  /** Writes everything that waits to the spill, so that it outlasts the process. */
  spill(): void {
    if (this.#isSpilling || this.#spill === undefined || this.#steps.length === 0) return;
    this.#isSpilling = true;
    for (const step of this.#steps) this.#spill.append(step);
  }

  /**
   * The next steps for one batch, of at most `batchRowsMax` rows; a step that declares or reloads
   * channels is the first of its batch. They wait until `stored`.
   */
  async next(): Promise<readonly HistoryStep[]> {
    if (this.#isSpilling) {
      await this.#fetch();
      assert(this.#steps.length > 0, "a spill that is in use has steps");
    }
    const taken: HistoryStep[] = [];
    let rows = 0;
    for (const step of this.#steps) {
      rows += rowsOf(step);
      const isNext = rows > this.#limits.batchRowsMax || step.declares.length > 0 || isReload(step);
      if (taken.length > 0 && isNext) break;
      taken.push(step);
    }
    return taken;
  }

  /** The store holds everything up to `seq`. */
  async stored(seq: number): Promise<void> {
    let count = 0;
    for (const step of this.#steps) {
      if (step.seq > seq) break;
      this.#rows -= rowsOf(step);
      this.#bytes -= step.bytes;
      this.#storedMs = step.timeMs;
      count++;
    }
    this.#steps.splice(0, count);
    this.#storedSeq = seq;
    if (!this.#isSpilling) return;
    if (seq < this.#newestSeq) return this.#spill?.release(seq);
    this.#isSpilling = false;
    await this.#spill?.forget();
  }

  /** Every step that waits when the first one is asked for, oldest first. */
  async *all(): AsyncGenerator<HistoryStep> {
    if (!this.#isSpilling || this.#spill === undefined) yield* this.#steps.slice();
    else yield* this.#spill.scan(this.#storedSeq);
  }

  /**
   * Reads on in the spill, which begins with steps that were in memory when spilling began: as much
   * as one batch takes, since a store's cost is more by the batch than by the row.
   */
  async #fetch(): Promise<void> {
    while (this.#rows < this.#limits.batchRowsMax && !this.#isMemoryFull) {
      const read = (await this.#spill?.read()) ?? [];
      if (read.length === 0) return;
      for (const step of read) {
        if (step.seq <= this.#keptSeq) continue;
        this.#keep(step);
        this.#spilledRows -= rowsOf(step);
      }
    }
  }

  #keep(step: HistoryStep): void {
    this.#steps.push(step);
    this.#keptSeq = step.seq;
    this.#rows += rowsOf(step);
    this.#bytes += step.bytes;
  }

  get #isMemoryFull(): boolean {
    return this.#rows > this.#limits.pendingRowsMax || this.#bytes > this.#limits.pendingBytesMax;
  }
}

function rowsOf(step: HistoryStep): number {
  return Math.max(1, step.entries.length);
}
