/**
 * The first `limit` matching rows in order; without `order_by`, those that changed last in the
 * channel. All matching rows are in an ordered index, so a change costs O(log rows), also when a
 * row leaves and the next one moves up.
 *
 * Retains at most one index entry per row of the channel, and `limit` rows.
 */
import sortedBTree from "sorted-btree";
import type { ChannelDeclaration } from "../log/channel.ts";
import { compareTexts } from "../protocol/column.ts";
import type { WireQuery } from "../protocol/query.ts";
import { assert } from "../std/assert.ts";
import { ChangeOrderedRows, type Changes } from "./change-ordered-rows.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";
import type { Member, Membership } from "./membership.ts";
import { viewBytes, type View, type ViewOptions } from "./view.ts";

// sorted-btree is CommonJS: Node's default import is its `exports` object, which has the class as a
// property.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

/** A total order: no two members are equal. */
export type MemberOrder = (left: Member, right: Member) => number;

/**
 * The order of a query without `order_by`: the newest change first, ties by key. It is a function
 * of the log alone, so every replica keeps the same rows, also one that began with a checkpoint.
 */
export const newestFirst: MemberOrder = (left, right) =>
  right.seq - left.seq || compareTexts(left.key, right.key);

export interface WindowViewOptions extends ViewOptions {
  readonly limit: number;
  readonly order: MemberOrder;
}

export class WindowView implements View {
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  readonly rows: ChangeOrderedRows;
  readonly #membership: Membership;
  readonly #limit: number;
  readonly #order: MemberOrder;
  readonly #candidates = new Map<string, Member>();
  readonly #index: BTree<Member, undefined>;
  /** The last row inside the window. */
  #last: Member | undefined;

  constructor({
    id,
    declaration,
    query,
    membership,
    builtSeq,
    tombstonesMax,
    limit,
    order,
  }: WindowViewOptions) {
    this.id = id;
    this.channel = declaration.name;
    this.declaration = declaration;
    this.query = query;
    this.rows = new ChangeOrderedRows(builtSeq, tombstonesMax);
    this.#membership = membership;
    this.#limit = limit;
    this.#order = order;
    this.#index = new BTree<Member, undefined>(undefined, order);
  }

  get entries(): number {
    return this.#candidates.size;
  }

  get bytes(): number {
    return viewBytes(this.entries, this.#membership.isProjected ? this.rows.bytes : 0);
  }

  changesSince(cursor: number): Changes | undefined {
    return this.rows.changesSince(cursor);
  }

  apply(change: RowChange, point: CommitPoint): boolean {
    const hasChanged = this.#follow(change, point);
    assert(
      this.rows.size <= this.#limit && this.rows.size <= this.#candidates.size,
      "a window holds its limit of its candidates at most",
    );
    return hasChanged;
  }

  #follow(change: RowChange, point: CommitPoint): boolean {
    const { key } = change;
    const wasInside = this.#withdraw(key);
    const member = this.#membership.memberOf(change);
    if (member !== undefined) this.#enroll(member);
    if (member !== undefined && this.#last !== undefined && this.#order(member, this.#last) < 0)
      return this.#enter(member, point);
    // No row moved in above the boundary, so the next row in order takes a free place.
    const next =
      this.rows.size - (wasInside ? 1 : 0) < this.#limit ? this.#firstOutside() : undefined;
    let changed = false;
    if (wasInside && next?.key !== key) changed = this.rows.delete(key, point.seq);
    if (next !== undefined) {
      this.#last = next;
      changed = this.#show(next, point) || changed;
    }
    return changed;
  }

  /**
   * Removes a key from the index, and moves the boundary if it was there. Returns whether the key
   * was inside the window.
   */
  #withdraw(key: string): boolean {
    const old = this.#candidates.get(key);
    if (old === undefined) return false;
    if (this.#last === old) this.#last = this.#index.nextLowerKey(old);
    this.#candidates.delete(key);
    this.#index.delete(old);
    return this.rows.get(key) !== undefined;
  }

  #enroll(member: Member): void {
    this.#candidates.set(member.key, member);
    this.#index.set(member, undefined);
  }

  /**
   * Moves a candidate above the boundary in, and the last one out if the window is then too large.
   */
  #enter(member: Member, point: CommitPoint): boolean {
    const changed = this.#show(member, point);
    if (this.rows.size <= this.#limit || this.#last === undefined) return changed;
    this.rows.delete(this.#last.key, point.seq);
    this.#last = this.#index.nextLowerKey(this.#last);
    return true;
  }

  #firstOutside(): Member | undefined {
    return this.#last === undefined ? this.#index.minKey() : this.#index.nextHigherKey(this.#last);
  }

  #show(member: Member, { seq, timeMs }: CommitPoint): boolean {
    const { key, row } = member;
    const json = this.#membership.jsonOf(member);
    if (this.rows.get(key)?.json === json) return false;
    this.rows.set(key, row, json, seq, timeMs);
    return true;
  }
}
