/**
 * Views are tables: a query under a policy, kept incrementally from its channel. An entry's seq
 * is the commit that changed its membership, value or rank in this view, never the row's own,
 * so subscribers of one view at different cursors are each exact.
 */
import sortedBTree from "sorted-btree";
import type { Row } from "../protocol/row.ts";
import type { Query } from "../protocol/query.ts";
import type { Predicate } from "../protocol/where.ts";
import type { Ranked, RankOrder } from "../protocol/order.ts";
import { ChangeOrderedRows, type Changes, type RowNode } from "./change-ordered-rows.ts";
import type { Moment, RowChange } from "./live-table.ts";

// sorted-btree is CommonJS: Node's default import is its exports, the class a property of them.
const BTree = sortedBTree.default;
type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>;

export interface View {
  /** The bare channel's name, or a hash of query, policy and declaration. */
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  /** What subscribers are sent, in the order of change. */
  readonly rows: ChangeOrderedRows;
  /** Rows kept, those beyond the window included. */
  readonly entries: number;
  /** What happened in the view after a cursor, or undefined where only a snapshot can tell. */
  changesSince(cursor: number): Changes | undefined;
  /** Follows one change of the channel. Returns whether the view changed. */
  apply(change: RowChange, moment: Moment): boolean;
}

export interface ViewOptions {
  readonly id: string;
  readonly query: Query;
  readonly matches: Predicate;
  readonly project: (node: { readonly row: Row; readonly json: string }) => string;
  readonly builtSeq: number;
  readonly tombstonesMax: number;
  /** The channel's rows, where a cursor older than the view may be answered from them. */
  readonly base?: ChangeOrderedRows | undefined;
}

/** A whole channel without filter, projection and policy: the table itself. */
export class ChannelView implements View {
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  readonly rows: ChangeOrderedRows;
  readonly entries = 0;

  constructor(id: string, rows: ChangeOrderedRows, channel: string) {
    this.id = id;
    this.channel = channel;
    this.query = { channel };
    this.rows = rows;
  }

  changesSince(cursor: number): Changes | undefined {
    return this.rows.changesSince(cursor);
  }

  apply(): boolean {
    return true;
  }
}

/** All rows that match. Retains at most one entry per row of the channel. */
export class FilteredView implements View {
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  readonly rows: ChangeOrderedRows;
  readonly #matches: Predicate;
  readonly #project: ViewOptions["project"];
  readonly #base: ChangeOrderedRows | undefined;

  constructor({ id, query, matches, project, builtSeq, tombstonesMax, base }: ViewOptions) {
    this.id = id;
    this.channel = query.channel;
    this.query = query;
    this.rows = new ChangeOrderedRows(builtSeq, tombstonesMax);
    this.#matches = matches;
    this.#project = project;
    this.#base = base;
  }

  get entries(): number {
    return this.rows.size;
  }

  /**
   * A cursor from before the view was built, or from below its floor, is answered from its channel:
   * each key that changed there is an upsert if it is in the view, else a remove. All of it counts as
   * of one seq, since the channel's order of change is not the view's: a part of it is no position here.
   */
  changesSince(cursor: number): Changes | undefined {
    const own = this.rows.changesSince(cursor);
    const channel = own === undefined ? this.#base?.changesSince(cursor) : undefined;
    if (channel === undefined) return own;
    const seq = Math.max(this.rows.lastSeq, channel.upserts.at(-1)?.seq ?? 0, channel.removes.at(-1)?.seq ?? 0);
    const upserts: Pick<RowNode, "key" | "json" | "seq">[] = [];
    const removes = channel.removes.map(({ key }) => ({ key, seq }));
    for (const { key } of channel.upserts) {
      const node = this.rows.get(key);
      if (node === undefined) removes.push({ key, seq });
      else upserts.push({ key, json: node.json, seq });
    }
    return { upserts, removes };
  }

  apply({ key, after }: RowChange, { seq, timeMs }: Moment): boolean {
    if (after === undefined || !this.#matches(after.row)) return this.rows.delete(key, seq);
    const json = this.#project(after);
    if (this.rows.get(key)?.json === json) return false;
    this.rows.set(key, after.row, json, seq, timeMs);
    return true;
  }
}

interface Candidate extends Ranked {
  readonly json: string;
}

/**
 * The first `limit` matching rows in order. All matching rows stand in an ordered index, so a
 * change costs O(log rows), also when a row leaves and the next one moves up.
 * Retains at most one index entry per row of the channel.
 */
export class WindowView implements View {
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  readonly rows: ChangeOrderedRows;
  readonly #matches: Predicate;
  readonly #project: ViewOptions["project"];
  readonly #limit: number;
  readonly #order: RankOrder;
  readonly #candidates = new Map<string, Candidate>();
  readonly #index: BTree<Candidate, undefined>;
  /** The last row inside the window. */
  #last: Candidate | undefined;

  constructor(options: ViewOptions & { readonly limit: number; readonly order: RankOrder }) {
    const { id, query, matches, project, builtSeq, tombstonesMax, limit, order } = options;
    this.id = id;
    this.channel = query.channel;
    this.query = query;
    this.rows = new ChangeOrderedRows(builtSeq, tombstonesMax);
    this.#matches = matches;
    this.#project = project;
    this.#limit = limit;
    this.#order = order;
    this.#index = new BTree<Candidate, undefined>(undefined, order);
  }

  get entries(): number {
    return this.#candidates.size;
  }

  changesSince(cursor: number): Changes | undefined {
    return this.rows.changesSince(cursor);
  }

  apply({ key, after }: RowChange, moment: Moment): boolean {
    const wasInside = this.#withdraw(key);
    const candidate = after !== undefined && this.#matches(after.row) ? this.#enroll(key, after) : undefined;
    if (candidate !== undefined && this.#last !== undefined && this.#order(candidate, this.#last) < 0) {
      return this.#enter(candidate, moment);
    }
    // Nothing moved in above the boundary, so a place that came free goes to the next in order.
    const next = this.rows.size - (wasInside ? 1 : 0) < this.#limit ? this.#firstOutside() : undefined;
    let changed = false;
    if (wasInside && next?.key !== key) changed = this.rows.delete(key, moment.seq);
    if (next !== undefined) {
      this.#last = next;
      changed = this.#show(next, moment) || changed;
    }
    return changed;
  }

  /** Takes a key out of the index, and the boundary off it. Returns whether it was inside the window. */
  #withdraw(key: string): boolean {
    const old = this.#candidates.get(key);
    if (old === undefined) return false;
    if (this.#last === old) this.#last = this.#index.nextLowerKey(old);
    this.#candidates.delete(key);
    this.#index.delete(old);
    return this.rows.get(key) !== undefined;
  }

  #enroll(key: string, node: RowNode): Candidate {
    const candidate = { key, row: node.row, json: this.#project(node) };
    this.#candidates.set(key, candidate);
    this.#index.set(candidate, undefined);
    return candidate;
  }

  /** A candidate above the boundary moves in; the last one moves out when that is one too many. */
  #enter(candidate: Candidate, moment: Moment): boolean {
    const changed = this.#show(candidate, moment);
    if (this.rows.size <= this.#limit || this.#last === undefined) return changed;
    this.rows.delete(this.#last.key, moment.seq);
    this.#last = this.#index.nextLowerKey(this.#last);
    return true;
  }

  #firstOutside(): Candidate | undefined {
    return this.#last === undefined ? this.#index.minKey() : this.#index.nextHigherKey(this.#last);
  }

  #show({ key, row, json }: Candidate, { seq, timeMs }: Moment): boolean {
    if (this.rows.get(key)?.json === json) return false;
    this.rows.set(key, row, json, seq, timeMs);
    return true;
  }
}
