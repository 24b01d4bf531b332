/**
 * The rows of one view in the client. Frames are staged as they come and applied together when
 * the turn's watermark arrives, so every view of a page moves in one step. A row that did not
 * change stays the same object.
 *
 * Retains at most `rowsMax` rows, and what one turn stages.
 */
import { compileOrder, type Ranked, type RankOrder } from "../protocol/order.ts";
import type { DeltaBatch } from "../protocol/messages/delta-batch.ts";
import type { Snapshot } from "../protocol/messages/snapshot.ts";
import type { Subscribed } from "../protocol/messages/subscribed.ts";
import { keyOf, type Row } from "../protocol/row.ts";

/** What became of a frame: staged, not needed, or not applicable without what is missing before it. */
export type StageResult = "staged" | "old" | "gap";

/** Above this many moved rows the order is rebuilt in one pass; below, each is placed by search. */
const SEARCH_MAX = 64;

export class ViewStore {
  readonly #rows = new Map<string, Row>();
  #key: readonly string[] = [];
  #order: RankOrder | undefined;
  #keys: string[] = [];
  #keysAreStale = false;
  #staged: (Snapshot | DeltaBatch)[] = [];
  /** The position of what is applied, and of what is staged on top. */
  #seq = -1;
  #stagedSeq = -1;

  /** The position that the rows are at, or -1 before the first snapshot. */
  get seq(): number {
    return this.#seq;
  }

  get size(): number {
    return this.#rows.size;
  }

  get isLoaded(): boolean {
    return this.#seq >= 0;
  }

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** Keys in the query's order; without one, rows stay where they are and new ones come last. */
  get keys(): readonly string[] {
    if (this.#keysAreStale) {
      this.#keys = [...this.#rows.keys()];
      this.#keysAreStale = false;
    }
    return this.#keys;
  }

  /** Takes the view's shape, and where it starts, from the server's answer. */
  configure({ key, columns, order_by, mode }: Subscribed, isLimited: boolean): void {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    this.#key = key;
    this.#staged = [];
    this.#stagedSeq = mode === "delta" ? this.#seq : -1;
    const context = { typeOf: (name: string) => types.get(name) ?? ("any" as const), columnNames: [] };
    this.#order = order_by.length > 0 || isLimited ? compileOrder(order_by, context) : undefined;
    this.#reorderAll();
  }

  /** Rows in the parts of a snapshot that have come so far. */
  get stagedRows(): number {
    return this.#staged.reduce((rows, frame) => rows + (frame.type === "SNAPSHOT" ? frame.rows.length : 0), 0);
  }

  stageSnapshot(snapshot: Snapshot): StageResult {
    if (snapshot.part === 0) this.#staged = [];
    this.#staged.push(snapshot);
    if (!snapshot.more) this.#stagedSeq = snapshot.seq;
    return "staged";
  }

  /** The gap rule: a delta `(prev_seq, seq]` applies where `prev_seq <= local < seq`. */
  stageDelta(delta: DeltaBatch): StageResult {
    if (delta.seq <= this.#stagedSeq) return "old";
    if (delta.prev_seq > this.#stagedSeq) return "gap";
    this.#staged.push(delta);
    if (delta.more !== true) this.#stagedSeq = delta.seq;
    return "staged";
  }

  /**
   * For a view that is behind: shows a snapshot that has come whole, at its own position. Deltas wait
   * for their turn's end, since a part of one holds newer values than its position. Returns rows changed, or undefined when there is no such snapshot.
   */
  commitSnapshot(): number | undefined {
    const last = this.#staged.at(-1);
    return last?.type === "SNAPSHOT" && !last.more ? this.commit(last.seq) : undefined;
  }

  /** Forgets what was staged: the connection that it came over is gone. */
  discardStaged(): void {
    this.#staged = [];
    this.#stagedSeq = this.#seq;
  }

  /** Applies what is staged; the view then stands at `seq`. Returns how many rows changed. */
  commit(seq: number): number {
    let changed = 0;
    const frames = this.#foldSnapshots();
    for (const frame of frames) changed += this.#apply(frame);
    this.#staged = [];
    // A snapshot may belong to a new history, whose positions start anew.
    const former = frames[0]?.type === "SNAPSHOT" ? -1 : this.#stagedSeq;
    this.#seq = Math.max(seq, former);
    this.#stagedSeq = this.#seq;
    return changed;
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
    const moved: Ranked[] = [];
    const removed: Ranked[] = [];
    const upserts = frame.type === "SNAPSHOT" ? frame.rows : frame.patch.upsert;
    let changed = 0;
    for (const row of upserts) {
      const key = keyOf(row, this.#key);
      if (key === undefined) continue;
      const before = this.#rows.get(key);
      if (before !== undefined && frame.type === "SNAPSHOT" && JSON.stringify(before) === JSON.stringify(row)) continue;
      changed++;
      this.#rows.set(key, row);
      const after = { key, row };
      if (before === undefined) moved.push(after);
      else if (this.#order !== undefined && this.#order({ key, row: before }, after) !== 0) {
        removed.push({ key, row: before });
        moved.push(after);
      }
    }
    for (const key of frame.type === "SNAPSHOT" ? this.#missingFrom(frame) : frame.patch.remove) {
      const before = this.#rows.get(key);
      if (before === undefined) continue;
      changed++;
      this.#rows.delete(key);
      removed.push({ key, row: before });
    }
    if (moved.length > 0 || removed.length > 0) this.#reorder(removed, moved);
    return changed;
  }

  #missingFrom({ rows }: Snapshot): readonly string[] {
    const named = new Set(rows.map((row) => keyOf(row, this.#key)));
    return [...this.#rows.keys()].filter((key) => !named.has(key));
  }

  /** Takes the places in `removed` out of the order and puts `moved` in. */
  #reorder(removed: readonly Ranked[], moved: readonly Ranked[]): void {
    const order = this.#order;
    if (order === undefined) {
      this.#keysAreStale = true;
      return;
    }
    if (removed.length + moved.length > SEARCH_MAX) {
      this.#reorderAll();
      return;
    }
    // A new array each time: what was handed out as a snapshot must not change.
    const keys = [...this.#keys];
    const departed = new Map([...removed].map(({ key, row }) => [key, row]));
    const rankedAt = (index: number): Ranked => {
      const key = keys[index] as string;
      return { key, row: departed.get(key) ?? (this.#rows.get(key) as Row) };
    };
    for (const place of removed) {
      keys.splice(lowerBound(keys.length, (index) => order(rankedAt(index), place) < 0), 1);
      departed.delete(place.key);
    }
    for (const place of moved) {
      keys.splice(lowerBound(keys.length, (index) => order(rankedAt(index), place) < 0), 0, place.key);
    }
    this.#keys = keys;
  }

  #reorderAll(): void {
    const order = this.#order;
    this.#keysAreStale = order === undefined;
    if (order === undefined) return;
    const ranked = Array.from(this.#rows, ([key, row]) => ({ key, row }));
    this.#keys = ranked.sort(order).map(({ key }) => key);
  }
}

/** The first index for which `isBefore` is false. */
function lowerBound(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
