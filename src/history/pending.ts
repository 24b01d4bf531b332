/**
 * The steps that the store does not hold yet, oldest first, in memory. From the first failure on,
 * or when more than one batch waits, they are in a spill too, and those for which memory has no
 * room are there alone.
 */
import { assert } from "../std/assert.ts";
import type { HistoryLimits } from "./limits.ts";
import type { Spill } from "./spill.ts";
import type { HistoryStep } from "./step.ts";
import { isReload } from "./unchanged-rows.ts";

export class Pending {
  readonly #limits: HistoryLimits;
  readonly #spill: Spill | undefined;
  /** The oldest steps; newer ones may be in the spill alone. */
  #steps: HistoryStep[] = [];
  #rows = 0;
  #bytes = 0;
  /** Whether new steps go to the spill. */
  #isSpilling = false;
  /** The newest step that went to the spill: its files stay until the store holds it. */
  #spilledSeq = 0;
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
    if (this.#spill === undefined) return this.#isMemoryFull;
    return this.#spill.isFull && (this.#isMemoryFull || !this.#isAllKept);
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0 && this.#isAllKept;
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
    const hasRoom = !this.#isSpilling || (this.#isAllKept && !this.#isMemoryFull);
    this.#newestSeq = step.seq;
    if (this.#isSpilling) this.#append(step);
    if (hasRoom) this.#keep(step);
    else this.#spilledRows += rowsOf(step);
    if (this.#rows > this.#limits.batchRowsMax || this.#isMemoryFull) this.spill();
  }

  /** Writes everything that waits to the spill, so that it outlasts the process. */
  spill(): void {
    if (this.#isSpilling || this.#spill === undefined || this.#steps.length === 0) return;
    this.#isSpilling = true;
    for (const step of this.#steps) if (step.seq > this.#spilledSeq) this.#append(step);
  }

  #append(step: HistoryStep): void {
    this.#spill?.append(step);
    this.#spilledSeq = step.seq;
  }

  /**
   * The next steps for one batch, of at most `batchRowsMax` rows; a step that declares or reloads
   * channels is the first of its batch. They wait until `stored`.
   */
  async next(): Promise<readonly HistoryStep[]> {
    if (!this.#isAllKept) {
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
    if (this.#isAllKept && this.#rows <= this.#limits.batchRowsMax / 2) this.#isSpilling = false;
    if (seq < this.#spilledSeq) await this.#spill?.release(seq);
    else if (this.spillBytes > 0) await this.#spill?.forget();
  }

  /** Every step that waits when the first one is asked for, oldest first. */
  async *all(): AsyncGenerator<HistoryStep> {
    if (this.#isAllKept || this.#spill === undefined) yield* this.#steps.slice();
    else yield* this.#spill.scan(this.#storedSeq);
  }

  /**
   * Reads on in the spill, which begins with steps that were in memory when spilling began: as much
   * as one batch takes, since a store's cost is more by the batch than by the row.
   */
  async #fetch(): Promise<void> {
    while (!this.#isAllKept && this.#rows < this.#limits.batchRowsMax && !this.#isMemoryFull) {
      const read = (await this.#spill?.read(this.#keptSeq)) ?? [];
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

  /** Whether every step that waits is in memory. */
  get #isAllKept(): boolean {
    return this.#keptSeq === this.#newestSeq;
  }

  get #isMemoryFull(): boolean {
    return this.#rows > this.#limits.pendingRowsMax || this.#bytes > this.#limits.pendingBytesMax;
  }
}

function rowsOf(step: HistoryStep): number {
  return Math.max(1, step.entries.length);
}
