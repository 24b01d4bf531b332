/**
 * The first `limit` matching rows in order; without `order_by`, those that changed last in the
 * channel. The window reads them from an ordered index that it shares with other windows:
 *
 *   start ── rows shown (limit) ── last ── reserve ── frontier ── rows not read yet ── end
 *
 * Its candidates are all matching rows from the start to the frontier. A change beyond the frontier
 * is none of the window. When a row leaves, the next candidate moves up; when too few are left, the
 * window walks the index on from its frontier. At the end the window is complete: the candidates
 * are all matching rows. A window whose filter lets few rows through stays so, because its walks
 * would be long.
 *
 * Retains `limit` rows, and beside them entries of the index: `limit` and the reserve, or all
 * matching rows if these are less than one in `stepsPerRowMax` of the index.
 */
import sortedBTree from "sorted-btree";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import { assert } from "../std/assert.ts";
import { ChangeOrderedRows, type Changes } from "./change-ordered-rows.ts";
import type { Place } from "./index-order.ts";
import type { CommitPoint } from "./live-table.ts";
import type { Membership } from "./membership.ts";
import type { IndexStep, OrderedIndex } from "./ordered-index.ts";
import { finish } from "./steps.ts";
import { viewBytes, type View, type ViewOptions } from "./view.ts";

// sorted-btree is CommonJS: Node's default import is its `exports` object, which has the class as a
// property.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

/** Bytes of a candidate's place in the window's tree; its entry is the index's. */
const CANDIDATE_BYTES = 24;

export interface WindowViewOptions extends ViewOptions {
  readonly limit: number;
  /** Candidates that the window keeps beyond its limit. */
  readonly reserve: number;
  /** Rows walked for one that matches, above which the window keeps all rows that match. */
  readonly stepsPerRowMax: number;
  readonly index: OrderedIndex;
  /** All matching rows of the index are between these places. */
  readonly start: Place;
  readonly end: Place;
}

export class WindowView implements View {
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  readonly rows: ChangeOrderedRows;
  readonly start: Place;
  readonly end: Place;
  readonly #membership: Membership;
  readonly #index: OrderedIndex;
  readonly #limit: number;
  readonly #reserve: number;
  readonly #stepsPerRowMax: number;
  readonly #candidates: BTree<Place, undefined>;
  #frontier: Place;
  /** The last row shown. */
  #last: Place | undefined;
  /** Whether it has been built: until then it shows nothing. */
  #isShown = false;
  /** By key: changed candidates, or undefined for what is none any more, until `settle`. */
  #changed = new Map<string, Place | undefined>();
  /** The present walk: rows looked at, and rows taken. */
  #walk = { steps: 0, taken: 0 };

  constructor(options: WindowViewOptions) {
    const { id, declaration, query, membership, builtSeq, tombstonesMax } = options;
    this.id = id;
    this.channel = declaration.name;
    this.declaration = declaration;
    this.query = query;
    this.rows = new ChangeOrderedRows(builtSeq, tombstonesMax);
    this.start = options.start;
    this.end = options.end;
    this.#membership = membership;
    this.#index = options.index;
    this.#limit = options.limit;
    this.#reserve = options.reserve;
    this.#stepsPerRowMax = options.stepsPerRowMax;
    this.#candidates = new BTree<Place, undefined>(undefined, options.index.order.compare);
    this.#frontier = options.start;
  }

  get entries(): number {
    return this.#candidates.size;
  }

  get bytes(): number {
    const { size, bytes } = this.rows;
    return (
      viewBytes(size, this.#membership.isProjected ? bytes : 0) + this.entries * CANDIDATE_BYTES
    );
  }

  /** Every matching row from the start to here is a candidate. */
  get frontier(): Place {
    return this.#frontier;
  }

  /** Whether all matching rows are candidates. */
  get isComplete(): boolean {
    return this.#frontier === this.end;
  }

  /** Whether most of the reserve is used, so that the window should walk on. */
  get isShort(): boolean {
    return !this.isComplete && this.entries < this.#limit + Math.floor(this.#reserve / 4);
  }

  changesSince(cursor: number): Changes | undefined {
    return this.rows.changesSince(cursor);
  }

  /** Follows a change of the index. Returns whether the window has to settle. */
  follow({ before, after }: IndexStep): boolean {
    const wasCandidate = before !== undefined && this.#candidates.delete(before);
    const isCandidate =
      after !== undefined && this.#isRead(after) && this.#membership.matches(after.row);
    if (isCandidate) this.#candidates.set(after, undefined);
    const concerned = wasCandidate ? before : isCandidate ? after : undefined;
    if (concerned === undefined || !this.#isShown) return false;
    this.#changed.set(concerned.key, isCandidate ? after : undefined);
    return true;
  }

  /**
   * Looks at up to `steps` further rows of the index. Returns whether there is nothing left to do:
   * there are enough candidates, or the window is complete.
   */
  walk(steps: number): boolean {
    if (!this.#walkOn(this.#enough, steps, true)) return false;
    this.#walk = { steps: 0, taken: 0 };
    if (this.#isOverfull) finish(this.#trim(steps));
    return true;
  }

  /**
   * Shows, once the index and the window have followed all changes of a commit, the first `limit`
   * candidates. Each step takes up to `stepRows` rows of a walk, or as many that are shown. It can
   * be left after a step and begun again when no row has changed since. Returns whether the view
   * changed.
   */
  *settle(point: CommitPoint, stepRows: number): Generator<void, boolean> {
    this.#isShown = true;
    const { limit, changed } = { limit: this.#limit, changed: this.#changed };
    this.#changed = new Map();
    while (this.entries < limit && !this.#walkOn(limit, stepRows, false)) yield;
    const inside: Place[] = [];
    let { size } = this.rows;
    let hasChanged = false;
    let count = 0;
    for (const [key, entry] of changed) {
      if (entry !== undefined && this.#isInside(entry)) {
        inside.push(entry);
        if (this.rows.get(key) === undefined) size++;
      } else if (this.rows.delete(key, point.seq)) {
        hasChanged = true;
        size--;
      }
      if (++count % stepRows === 0) yield;
    }
    for (; size > limit; size--) {
      hasChanged = this.#pushOut(point) || hasChanged;
      if (++count % stepRows === 0) yield;
    }
    for (const entry of inside) {
      if (this.#isInside(entry)) hasChanged = this.#show(entry, point) || hasChanged;
      if (++count % stepRows === 0) yield;
    }
    this.#last = this.#lastInside();
    for (let next = this.#nextIn(); next !== undefined; next = this.#nextIn()) {
      hasChanged = this.#show(next, point) || hasChanged;
      this.#last = next;
      if (++count % stepRows === 0) yield;
    }
    if (this.#isOverfull) yield* this.#trim(stepRows);
    assert(
      this.rows.size === Math.min(limit, this.entries),
      "a window shows its limit of its candidates",
    );
    return hasChanged;
  }

  #isRead(place: Place): boolean {
    const { compare } = this.#index.order;
    return compare(this.start, place) <= 0 && compare(place, this.#frontier) <= 0;
  }

  #isInside(entry: Place): boolean {
    return (
      this.#last !== undefined &&
      this.#index.order.compare(entry, this.#last) <= 0 &&
      this.#candidates.has(entry)
    );
  }

  /** Moves the boundary before the last row inside. Returns whether that row was shown. */
  #pushOut({ seq }: CommitPoint): boolean {
    const out = this.#lastInside();
    assert(out !== undefined, "a window that is too large has a last row");
    this.#last = this.#candidates.nextLowerKey(out);
    return this.rows.delete(out.key, seq);
  }

  /** The last candidate inside: the row at the boundary itself may have left. */
  #lastInside(): Place | undefined {
    if (this.#last === undefined || this.#candidates.has(this.#last)) return this.#last;
    return this.#candidates.nextLowerKey(this.#last);
  }

  /** The next candidate to be shown, while there is room. */
  #nextIn(): Place | undefined {
    if (this.rows.size >= this.#limit) return undefined;
    return this.#last === undefined
      ? this.#candidates.minKey()
      : this.#candidates.nextHigherKey(this.#last);
  }

  /**
   * Walks the index on from the frontier, until there are `count` candidates. With `isPatient` it
   * walks to the end where it finds few rows, so that it need not walk again.
   */
  #walkOn(count: number, steps: number, isPatient: boolean): boolean {
    if (this.isComplete) return true;
    const { compare } = this.#index.order;
    const walk = this.#walk;
    let left = steps;
    const isEnough = (): boolean =>
      this.entries >= count &&
      (!isPatient ||
        walk.steps <= walk.taken * this.#stepsPerRowMax ||
        this.entries > this.#keptMax);
    if (isEnough()) return true;
    for (const entry of this.#index.after(this.#frontier)) {
      if (compare(entry, this.end) > 0) break;
      if (left-- <= 0) return false;
      this.#frontier = entry;
      walk.steps++;
      if (!this.#membership.matches(entry.row)) continue;
      walk.taken++;
      this.#candidates.set(entry, undefined);
      if (isEnough()) return true;
    }
    this.#frontier = this.end;
    return true;
  }

  /** The candidates that a complete window keeps at most. */
  get #keptMax(): number {
    return Math.max(this.#limit + this.#reserve, this.#index.entries / this.#stepsPerRowMax);
  }

  /** The candidates after a walk, and after others have been given up. */
  get #enough(): number {
    return this.#limit + Math.ceil((this.#reserve * 3) / 4);
  }

  /** Whether there are more candidates than the window keeps. */
  get #isOverfull(): boolean {
    return this.entries > (this.isComplete ? this.#keptMax : this.#limit + this.#reserve);
  }

  /** Gives up candidates, `stepRows` per step. */
  *#trim(stepRows: number): Generator<void, void> {
    let last = this.#candidates.maxKey();
    for (let count = 1; last !== undefined && this.entries > this.#enough; count++) {
      this.#candidates.delete(last);
      last = this.#candidates.maxKey();
      this.#frontier = last ?? this.start;
      if (count % stepRows === 0) yield;
    }
  }

  #show(entry: Place, { seq, timeMs }: CommitPoint): boolean {
    const { key, row } = entry;
    const json = this.#membership.textOf(entry);
    if (this.rows.get(key)?.json === json) return false;
    // Thousands of windows may have one row: its channel has counted the bytes of the same text.
    const bytes = json === entry.json ? entry.bytes : undefined;
    this.rows.set(key, row, json, seq, timeMs, bytes);
    return true;
  }
}
