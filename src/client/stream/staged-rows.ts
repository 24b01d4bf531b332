/**
 * The rows of one view in the engine. Frames are staged as they arrive and applied together when
 * the turn's watermark arrives; changed rows stay here until the page takes them, each key once.
 * From then on the page has the rows, and the engine keeps a hash of each, to find which rows of a
 * snapshot are new, and whether all rows match the server's digest.
 *
 * Retains at most a hash per row of the view, what one turn stages, and the rows that changed since
 * the last take.
 */
import { digestText, replaceHash, rowHash } from "../../protocol/digest.ts";
import type { DeltaBatch } from "../../protocol/messages/delta-batch.ts";
import type { Digest } from "../../protocol/messages/digest.ts";
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { Snapshot } from "../../protocol/messages/snapshot.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { RowChanges } from "../port.ts";

/**
 * What became of a frame: staged, not needed, or not applicable since earlier frames are missing.
 */
export type StageResult = "staged" | "old" | "gap";

export interface CommitResult {
  /** Rows that changed. */
  readonly changed: number;
  /** Of these, the ones that deltas brought: a snapshot also brings rows that changed long ago. */
  readonly delivered: number;
  /**
   * Why the view has to be requested again: frames are missing, or the rows don't match the
   * server's digest.
   */
  readonly fault: ResyncReason | undefined;
}

type StagedFrame = Snapshot | DeltaBatch | (Digest & { readonly more?: false });

export class StagedRows {
  /** Hashes by key, for all rows but those in `#unhashed`. */
  readonly #hashes = new Map<string, number>();
  /** Changes that the page has not taken: the present row, or undefined for a removed one. */
  readonly #changes = new Map<string, Row | undefined>();
  /** Changes that are not in `#hashes` yet. */
  readonly #unhashed = new Set<string>();
  /** The hashes of the rows that the page has under the changed keys. */
  readonly #pageHashes = new Map<string, number | undefined>();
  /**
   * Keys that changed more than once: the last change may have restored the row that the page has.
   */
  readonly #revised = new Set<string>();
  #hashSum = 0;
  #size = 0;
  #key: readonly string[] = [];
  #staged: StagedFrame[] = [];
  /** The seqs of the last applied and the last staged change; -1 before the first snapshot. */
  #seq: number;
  #stagedSeq: number;
  /**
   * Deltas alone, after rows that the page has loaded: nothing is kept of a row that the page has
   * taken.
   */
  readonly #isFeed: boolean;
  #isLost = false;

  /** `after`: the seq of the rows that the page has loaded from history; this is their feed. */
  constructor(after?: number) {
    this.#isFeed = after !== undefined;
    this.#seq = after ?? -1;
    this.#stagedSeq = this.#seq;
  }

  /** The deltas after the page's rows are not to be had: the page loads its rows anew. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * The seq of the view's last change that is applied. It is what frames are checked against and
   * what a cursor says: a watermark shows that the server has sent everything, not that everything
   * has arrived.
   */
  get seq(): number {
    return this.#seq;
  }

  get size(): number {
    return this.#size;
  }

  get isLoaded(): boolean {
    return this.#seq >= 0;
  }

  /** Rows that changed and have not been taken. */
  get pending(): number {
    return this.#changes.size;
  }

  *keys(): Iterable<string> {
    for (const key of this.#hashes.keys()) if (!this.#changes.has(key)) yield key;
    for (const [key, row] of this.#changes) if (row !== undefined) yield key;
  }

  /** A subscription begins: after what is applied, or with a snapshot. */
  begin(key: readonly string[], mode: "delta" | "snapshot"): void {
    this.#key = key;
    if (this.#isFeed && mode === "snapshot") this.#isLost = true;
    this.#staged = [];
    this.#stagedSeq = mode === "delta" ? this.#seq : -1;
  }

  /** Rows in the parts of a snapshot that have come so far. */
  get stagedRows(): number {
    return this.#staged.reduce(
      (rows, frame) => rows + (frame.type === "SNAPSHOT" ? frame.rows.length : 0),
      0,
    );
  }

  stageSnapshot(snapshot: Snapshot): StageResult {
    if (this.#isFeed) this.#isLost = true;
    if (this.#isLost || snapshot.seq < this.#stagedSeq) return "old";
    if (snapshot.part === 0) this.#staged = [];
    else if (!this.#isNextPart(snapshot)) return "gap";
    this.#staged.push(snapshot);
    if (!snapshot.more) this.#stagedSeq = snapshot.seq;
    return "staged";
  }

  /**
   * The gap rule: a delta `(prev_seq, seq]` applies where `prev_seq <= local < seq`. A digest
   * speaks of the view at exactly its seq, and is compared when the turn ends; up to protocol 6 it
   * is a field of an empty delta.
   */
  stageDelta(delta: DeltaBatch | Digest): StageResult {
    if (this.#isLost) return "old";
    const isDigest = delta.type === "DIGEST";
    if ((isDigest ? delta.seq : delta.prev_seq) > this.#stagedSeq) return "gap";
    if (delta.digest !== undefined && delta.seq === this.#stagedSeq) this.#staged.push(delta);
    if (isDigest || delta.seq <= this.#stagedSeq) return "old";
    if (delta.part !== undefined && !this.#isNextOfSeq(delta)) return "gap";
    this.#staged.push(delta);
    if (delta.more !== true) this.#stagedSeq = delta.seq;
    return "staged";
  }

  /**
   * For a view that is behind: applies a complete snapshot at the view's own cursor. Deltas wait
   * for the end of their turn, since a part of one holds newer values than its seq. Undefined when
   * there is none at or after `seqMin`.
   */
  commitSnapshot(seqMin: number): CommitResult | undefined {
    const last = this.#staged.at(-1);
    return last?.type === "SNAPSHOT" && !last.more && last.seq >= seqMin
      ? this.commit()
      : undefined;
  }

  /** Drops the staged frames: their connection is gone. */
  discardStaged(): void {
    this.#staged = [];
    this.#stagedSeq = this.#seq;
  }

  /** Drops everything: the rows must not be shown any more. */
  clear(): void {
    if (this.#isFeed) this.#isLost = true;
    for (const key of this.keys()) this.#set(key, undefined);
    // The page may drop its rows before it takes these changes, so every later row is a change for
    // it.
    for (const key of this.#changes.keys()) this.#pageHashes.set(key, Number.NaN);
    this.#seq = -1;
    this.discardStaged();
  }

  /** Applies the staged frames when the turn's watermark has arrived. */
  commit(): CommitResult {
    if (this.#isLost) return { changed: 0, delivered: 0, fault: undefined };
    if (this.#staged.at(-1)?.more === true || this.#stagedSeq < 0) {
      this.discardStaged();
      return { changed: 0, delivered: 0, fault: "gap" };
    }
    let changed = 0;
    let delivered = 0;
    let fault: ResyncReason | undefined;
    for (const frame of this.#foldSnapshots()) {
      if (frame.type === "SNAPSHOT") changed += this.#apply(frame);
      else if (frame.type === "DELTA_BATCH" && frame.digest === undefined)
        delivered += this.#apply(frame);
      else if (this.#digest() !== frame.digest) fault = "drift";
    }
    this.#staged = [];
    this.#seq = this.#stagedSeq;
    return { changed: changed + delivered, delivered, fault };
  }

  /** The changes since the last call, each key once with its present row. */
  take(): RowChanges {
    this.#settleHashes();
    const upserts: Row[] = [];
    const removes: string[] = [];
    for (const [key, row] of this.#changes) {
      if (
        !this.#isFeed &&
        this.#revised.has(key) &&
        this.#pageHashes.get(key) === this.#hashes.get(key)
      )
        continue;
      if (row === undefined) removes.push(key);
      else upserts.push(row);
    }
    for (const taken of [this.#changes, this.#pageHashes, this.#revised]) taken.clear();
    if (this.#isFeed) this.#hashes.clear();
    return { upserts, removes };
  }

  #isNextPart({ part, seq }: Snapshot): boolean {
    const last = this.#staged.at(-1);
    return last?.type === "SNAPSHOT" && last.more && last.part === part - 1 && last.seq === seq;
  }

  #isNextOfSeq({ part, prev_seq }: DeltaBatch): boolean {
    const last = this.#staged.at(-1);
    const expected =
      last?.type === "DELTA_BATCH" && last.more === true && last.prev_seq === prev_seq
        ? (last.part ?? 0) + 1
        : 0;
    return part === expected;
  }

  /** Joins the parts of a snapshot to one frame: rows that it does not name are removed. */
  #foldSnapshots(): readonly StagedFrame[] {
    const parts = this.#staged.filter((frame) => frame.type === "SNAPSHOT");
    const first = parts[0];
    if (first === undefined) return this.#staged;
    const others = this.#staged.filter((frame) => frame.type !== "SNAPSHOT");
    return [{ ...first, rows: parts.flatMap(({ rows }) => rows) }, ...others];
  }

  #apply(frame: Snapshot | DeltaBatch): number {
    const isSnapshot = frame.type === "SNAPSHOT";
    const named = new Set<string>();
    let changed = 0;
    for (const row of isSnapshot ? frame.rows : frame.patch.upsert) {
      const key = keyOf(row, this.#key);
      if (key === undefined) continue;
      if (isSnapshot) named.add(key);
      if (isSnapshot && this.#isHeld(key, row)) continue;
      this.#set(key, row);
      changed++;
    }
    const gone = isSnapshot
      ? [...this.keys()].filter((key) => !named.has(key))
      : frame.patch.remove.filter((key) => this.#isFeed || this.#has(key));
    for (const key of gone) this.#set(key, undefined);
    return changed + gone.length;
  }

  #has(key: string): boolean {
    return this.#changes.has(key) ? this.#changes.get(key) !== undefined : this.#hashes.has(key);
  }

  /** Whether the present row equals this one: compared by hash if the page has taken it. */
  #isHeld(key: string, row: Row): boolean {
    if (!this.#changes.has(key))
      return this.#hashes.has(key) && this.#hashes.get(key) === rowHash(JSON.stringify(row));
    const changed = this.#changes.get(key);
    return changed !== undefined && JSON.stringify(changed) === JSON.stringify(row);
  }

  #set(key: string, row: Row | undefined): void {
    this.#size += Number(row !== undefined) - Number(this.#has(key));
    if (this.#changes.has(key)) this.#revised.add(key);
    else this.#pageHashes.set(key, this.#hashes.get(key));
    this.#changes.set(key, row);
    this.#unhashed.add(key);
  }

  /** Each changed row is hashed once, however often it changed. */
  #settleHashes(): void {
    for (const key of this.#unhashed) {
      const row = this.#changes.get(key);
      const hash = row === undefined ? 0 : rowHash(JSON.stringify(row));
      this.#hashSum = replaceHash(this.#hashSum, this.#hashes.get(key) ?? 0, hash);
      if (row === undefined) this.#hashes.delete(key);
      else this.#hashes.set(key, hash);
    }
    this.#unhashed.clear();
  }

  #digest(): string {
    this.#settleHashes();
    return digestText(this.#hashSum);
  }
}
