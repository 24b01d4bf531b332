/**
 * The rows of one view as the stream tells them. Frames are staged as they come and applied together
 * when the turn's watermark arrives; what changed is kept until it is taken to be shown, each key once.
 *
 * Retains at most the view's rows, what one turn stages, and the keys that changed since the last take.
 */
import { digestText, replaceHash, rowHash } from "../protocol/digest.ts";
import type { DeltaBatch } from "../protocol/messages/delta-batch.ts";
import type { ResyncReason } from "../protocol/messages/resync.ts";
import type { Snapshot } from "../protocol/messages/snapshot.ts";
import { keyOf, type Row } from "../protocol/row.ts";

/** What became of a frame: staged, not needed, or not applicable without what is missing before it. */
export type StageResult = "staged" | "old" | "gap";

export interface CommitResult {
  /** Rows that changed. */
  readonly changed: number;
  /** What makes it necessary to ask for the view again: frames are missing, or the rows don't add up to the server's digest. */
  readonly fault: ResyncReason | undefined;
}

export interface RowChanges {
  readonly upserts: readonly Row[];
  readonly removes: readonly string[];
}

export class StagedRows {
  readonly #rows = new Map<string, Row>();
  #key: readonly string[] = [];
  #staged: (Snapshot | DeltaBatch)[] = [];
  /** The last change that is applied, and that is staged on top; -1 before the first snapshot. */
  #seq = -1;
  #stagedSeq = -1;
  readonly #touched = new Set<string>();
  readonly #hashes = new Map<string, number>();
  readonly #unhashed = new Set<string>();
  #hashSum = 0;
  #isHashing = false;

  /**
   * The seq of the view's last change that is applied. It is what frames are checked against and what a
   * cursor says: a watermark only tells that the server has sent all, not that all has come.
   */
  get seq(): number {
    return this.#seq;
  }

  get size(): number {
    return this.#rows.size;
  }

  get isLoaded(): boolean {
    return this.#seq >= 0;
  }

  /** Rows that changed and have not been taken. */
  get pending(): number {
    return this.#touched.size;
  }

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  entries(): Iterable<readonly [string, Row]> {
    return this.#rows;
  }

  /** A subscription begins: after what is applied, or with a snapshot. */
  begin(key: readonly string[], mode: "delta" | "snapshot"): void {
    this.#key = key;
    this.#staged = [];
    this.#stagedSeq = mode === "delta" ? this.#seq : -1;
  }

  /** Rows in the parts of a snapshot that have come so far. */
  get stagedRows(): number {
    return this.#staged.reduce((rows, frame) => rows + (frame.type === "SNAPSHOT" ? frame.rows.length : 0), 0);
  }

  stageSnapshot(snapshot: Snapshot): StageResult {
    if (snapshot.seq < this.#stagedSeq) return "old";
    if (snapshot.part === 0) this.#staged = [];
    else if (!this.#isNextPart(snapshot)) return "gap";
    this.#staged.push(snapshot);
    if (!snapshot.more) this.#stagedSeq = snapshot.seq;
    return "staged";
  }

  /** The gap rule: a delta `(prev_seq, seq]` applies where `prev_seq <= local < seq`. */
  stageDelta(delta: DeltaBatch): StageResult {
    if (delta.prev_seq > this.#stagedSeq) return "gap";
    if (delta.digest !== undefined && delta.seq === this.#stagedSeq) this.#staged.push(delta);
    if (delta.seq <= this.#stagedSeq) return "old";
    if (delta.part !== undefined && !this.#isNextOfSeq(delta)) return "gap";
    this.#staged.push(delta);
    if (delta.more !== true) this.#stagedSeq = delta.seq;
    return "staged";
  }

  /**
   * For a view that is behind: applies a snapshot that has come whole, at its own position. Deltas wait
   * for their turn's end, since a part of one holds newer values than its position. Undefined when there is none.
   */
  commitSnapshot(): CommitResult | undefined {
    const last = this.#staged.at(-1);
    return last?.type === "SNAPSHOT" && !last.more ? this.commit() : undefined;
  }

  /** Forgets what was staged: the connection that it came over is gone. */
  discardStaged(): void {
    this.#staged = [];
    this.#stagedSeq = this.#seq;
  }

  /** Forgets everything: the rows may not be shown any more. */
  clear(): void {
    for (const key of this.#rows.keys()) this.#touch(key);
    this.#rows.clear();
    this.#seq = -1;
    this.discardStaged();
  }

  /** Applies what is staged, at the end of a turn that is said to be whole. */
  commit(): CommitResult {
    if (this.#staged.at(-1)?.more === true || this.#stagedSeq < 0) {
      this.discardStaged();
      return { changed: 0, fault: "gap" };
    }
    let changed = 0;
    let fault: ResyncReason | undefined;
    for (const frame of this.#foldSnapshots()) {
      if (frame.type === "SNAPSHOT" || frame.digest === undefined) changed += this.#apply(frame);
      else if (this.#digest() !== frame.digest) fault = "drift";
    }
    this.#staged = [];
    this.#seq = this.#stagedSeq;
    return { changed, fault };
  }

  /** What changed since this was last called, each key once at its present value. */
  take(): RowChanges {
    const upserts: Row[] = [];
    const removes: string[] = [];
    for (const key of this.#touched) {
      const row = this.#rows.get(key);
      if (row === undefined) removes.push(key);
      else upserts.push(row);
    }
    this.#touched.clear();
    return { upserts, removes };
  }

  #isNextPart({ part, seq }: Snapshot): boolean {
    const last = this.#staged.at(-1);
    return last?.type === "SNAPSHOT" && last.more && last.part === part - 1 && last.seq === seq;
  }

  #isNextOfSeq({ part, prev_seq }: DeltaBatch): boolean {
    const last = this.#staged.at(-1);
    const expected = last?.type === "DELTA_BATCH" && last.more === true && last.prev_seq === prev_seq ? (last.part ?? 0) + 1 : 0;
    return part === expected;
  }

  /** Parts of one snapshot as one frame, so that what it does not name can go. */
  #foldSnapshots(): readonly (Snapshot | DeltaBatch)[] {
    const parts = this.#staged.filter((frame) => frame.type === "SNAPSHOT");
    const first = parts[0];
    if (first === undefined) return this.#staged;
    const deltas = this.#staged.filter((frame) => frame.type === "DELTA_BATCH");
    return [{ ...first, rows: parts.flatMap(({ rows }) => rows) }, ...deltas];
  }

  #apply(frame: Snapshot | DeltaBatch): number {
    const isSnapshot = frame.type === "SNAPSHOT";
    const named = new Set<string>();
    let changed = 0;
    for (const row of isSnapshot ? frame.rows : frame.patch.upsert) {
      const key = keyOf(row, this.#key);
      if (key === undefined) continue;
      if (isSnapshot) {
        named.add(key);
        const before = this.#rows.get(key);
        if (before !== undefined && JSON.stringify(before) === JSON.stringify(row)) continue;
      }
      this.#rows.set(key, row);
      this.#touch(key);
      changed++;
    }
    const gone = isSnapshot ? [...this.#rows.keys()].filter((key) => !named.has(key)) : frame.patch.remove;
    for (const key of gone) {
      if (!this.#rows.delete(key)) continue;
      this.#touch(key);
      changed++;
    }
    return changed;
  }

  #touch(key: string): void {
    this.#touched.add(key);
    if (this.#isHashing) this.#unhashed.add(key);
  }

  /** Each changed row is hashed once per digest; nothing is hashed before the first. */
  #digest(): string {
    if (!this.#isHashing) {
      this.#isHashing = true;
      for (const key of this.#rows.keys()) this.#unhashed.add(key);
    }
    for (const key of this.#unhashed) {
      const row = this.#rows.get(key);
      const hash = row === undefined ? 0 : rowHash(JSON.stringify(row));
      this.#hashSum = replaceHash(this.#hashSum, this.#hashes.get(key) ?? 0, hash);
      if (row === undefined) this.#hashes.delete(key);
      else this.#hashes.set(key, hash);
    }
    this.#unhashed.clear();
    return digestText(this.#hashSum);
  }
}
