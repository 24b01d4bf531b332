/**
 * A channel's rows. Applies commits in order, evicts by criteria that depend on the log alone (row
 * count, encoded bytes, commit time), and reports each key's change to the views.
 *
 * Retains at most the channel's bounds.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import { ROWS_MIN } from "../log/limits.ts";
import type { ChannelChange, KeyedRow } from "../log/log.ts";
import { OMITTED, type Row } from "../protocol/row.ts";
import { ArrivalOrder } from "./arrival-order.ts";
import { ChangeOrderedRows, type RowNode, type RowsCheckpoint } from "./change-ordered-rows.ts";

/** One key's change by one commit: an insert has no `before`, a departure no `after`. */
export interface RowChange {
  readonly key: string;
  readonly before: RowNode | undefined;
  readonly after: RowNode | undefined;
  /** A bound of the channel evicted the row; it was not removed. */
  readonly evicted: boolean;
}

/** The seq and time of the commit that changes a table. */
export interface CommitPoint {
  readonly seq: number;
  readonly timeMs: number;
}

export class LiveTable {
  readonly channel: ChannelDeclaration;
  readonly rows: ChangeOrderedRows;
  /** Present when the bounds evict by arrival. */
  readonly #arrivals: ArrivalOrder | undefined;
  #total: number | undefined;
  #evictions = 0;
  /** Keys that a derived table no longer has, until a history store holds their rows. */
  readonly #leaving = new Set<string>();
  readonly #isContinued: boolean;
  #changes = 0;
  #omitted = 0;

  constructor(
    channel: ChannelDeclaration,
    builtSeq: number,
    from?: { readonly rows: RowsCheckpoint; readonly total: number | undefined },
  ) {
    this.channel = channel;
    this.rows =
      from === undefined
        ? new ChangeOrderedRows(builtSeq, channel.bounds.tombstonesMax)
        : ChangeOrderedRows.from(from.rows, channel.bounds.tombstonesMax);
    this.#total = from?.total;
    this.#isContinued = from !== undefined && this.rows.size > 0;
    this.#arrivals = channel.bounds.evict === "oldest_arrival" ? new ArrivalOrder() : undefined;
    for (const { key, row } of this.rows.values()) {
      this.#omitted += omission(row);
      this.#arrivals?.add(key);
    }
  }

  /** Rows of the whole table behind the channel, if its source counts them. */
  get total(): number | undefined {
    return this.#total;
  }

  /** True when the channel holds only part of its table. */
  get isPartial(): boolean {
    return this.#total !== undefined && this.#total > this.rows.size;
  }

  /** Rows with `$omitted`, whose values were too large or nested too deep to be sent. */
  get omitted(): number {
    return this.#omitted;
  }

  /** Whether it began with the rows of an earlier table of the channel. */
  get isContinued(): boolean {
    return this.#isContinued;
  }

  /** Rows that a bound has evicted since the start. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Row changes applied since the start, evictions included. */
  get changes(): number {
    return this.#changes;
  }

  /** Applies one commit's change. A row with its present value does not change. */
  apply(change: ChannelChange, point: CommitPoint): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const upsert of change.upserts) this.#upsert(upsert, point, changes);
    for (const key of change.removes) this.#remove(key, point.seq, false, changes);
    if (change.reload === true) this.#removeAllBut(change, point.seq, changes);
    if (change.total !== undefined) this.#total = change.total;
    this.#changes += changes.length;
    return changes;
  }

  /**
   * Evicts rows over a bound as of this commit, also when the commit did not touch the channel. A
   * channel with history keeps the rows after `durableSeq`, which the store does not hold yet.
   */
  evict(point: CommitPoint, durableSeq: number): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (let over = this.#nextOver(point); over !== null; over = this.#nextOver(point)) {
      if (this.channel.history !== undefined && over.seq > durableSeq) break;
      this.#evictions++;
      this.#remove(over.key, point.seq, true, changes);
    }
    this.#changes += changes.length;
    return changes;
  }

  /** The row that a bound evicts next as of a commit. */
  #nextOver({ timeMs }: CommitPoint): RowNode | null {
    const { rowsMax, bytesMax, ageMsMax } = this.channel.bounds;
    const { oldest, size, bytes } = this.rows;
    if (oldest === null || timeMs - oldest.timeMs > ageMsMax) return oldest;
    if (size <= rowsMax && bytes <= bytesMax) return null;
    return this.#nextToLeave;
  }

  get #nextToLeave(): RowNode | null {
    const first = this.#arrivals?.first;
    return first === undefined ? this.rows.oldest : (this.rows.get(first) ?? null);
  }

  /**
   * The row that leaves next where memory is short; null where none may. `durableSeq` is the
   * history store's.
   */
  nextToSpare(durableSeq: number): RowNode | null {
    const { critical, rowsMin = ROWS_MIN } = this.channel.bounds;
    if (this.rows.size <= (critical === false ? 0 : rowsMin)) return null;
    const next = this.#nextToLeave;
    const isStored = this.channel.history === undefined || (next?.seq ?? 0) <= durableSeq;
    return isStored ? next : null;
  }

  /** Evicts such rows up to a seq, until the table is within so many bytes. */
  relieve(
    point: CommitPoint,
    durableSeq: number,
    { bytesMax, seqMax }: { readonly bytesMax: number; readonly seqMax: number },
  ): readonly RowChange[] {
    const changes: RowChange[] = [];
    while (this.rows.bytes > bytesMax) {
      const next = this.nextToSpare(durableSeq);
      if (next === null || next.seq > seqMax) break;
      this.#evictions++;
      this.#remove(next.key, point.seq, true, changes);
    }
    this.#changes += changes.length;
    return changes;
  }

  /** Rows of a derived table that are to be evicted, whatever the bounds. */
  leave(keys: readonly string[]): void {
    for (const key of keys) this.#leaving.add(key);
  }

  /** Evicts the rows that are to leave; those with history when the store holds them. */
  evictLeft(point: CommitPoint, durableSeq: number): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const key of this.#leaving) {
      const node = this.rows.get(key);
      if (node !== undefined && this.channel.history !== undefined && node.seq > durableSeq)
        continue;
      this.#leaving.delete(key);
      if (node === undefined) continue;
      this.#evictions++;
      this.#remove(key, point.seq, true, changes);
    }
    this.#changes += changes.length;
    return changes;
  }

  #upsert(
    { key, row, json = JSON.stringify(row) }: KeyedRow,
    { seq, timeMs }: CommitPoint,
    changes: RowChange[],
  ): void {
    const before = this.rows.get(key);
    if (this.#leaving.size > 0) this.#leaving.delete(key);
    if (before !== undefined && before.json === json) return;
    this.#omitted += omission(row) - omission(before?.row);
    if (before === undefined) this.#arrivals?.add(key);
    changes.push({
      key,
      before,
      after: this.rows.set(key, row, json, seq, timeMs),
      evicted: false,
    });
  }

  /**
   * Whether a history store may hold rows that are not here: some were evicted, now or before the
   * start. A key of an `appendOnly` channel is not written again after its row has left.
   */
  get hasRowsOutside(): boolean {
    const { history } = this.channel;
    if (history === undefined || history.appendOnly) return false;
    return this.#evictions > 0 || this.#isContinued;
  }

  #remove(key: string, seq: number, evicted: boolean, changes: RowChange[]): void {
    const before = this.rows.get(key);
    if (before === undefined) {
      if (this.hasRowsOutside) changes.push({ key, before, after: undefined, evicted: false });
      return;
    }
    this.#omitted -= omission(before.row);
    this.rows.delete(key, seq);
    this.#arrivals?.delete(key);
    changes.push({ key, before, after: undefined, evicted });
  }

  #removeAllBut(change: ChannelChange, seq: number, changes: RowChange[]): void {
    const kept = new Set(change.upserts.map(({ key }) => key));
    const gone: string[] = [];
    for (const { key } of this.rows.values()) if (!kept.has(key)) gone.push(key);
    for (const key of gone) this.#remove(key, seq, false, changes);
  }
}

function omission(row: Row | undefined): number {
  return row !== undefined && Object.hasOwn(row, OMITTED) ? 1 : 0;
}
