/**
 * The data structure of tables and views: rows in a map and in a linked list ordered by the seq of
 * their last change, with a bounded list of tombstones for removed keys and its floor. For any
 * cursor at or above the floor, `changesSince(cursor)` is exact, whatever changed in between.
 *
 * Retains at most the rows that were set and not deleted, plus `tombstonesMax` keys.
 */

import { digestText, replaceHash, rowHash } from "../protocol/digest.ts";
import type { Row } from "../protocol/row.ts";
import { assert } from "../std/assert.ts";

/**
 * Zero, but not a small integer: V8 keeps such a field as a double from the start. The first
 * digest, whose hashes have 48 bits, would otherwise change the shape of all rows, and V8 would
 * compile all code on the way of a change anew, for half a second under load.
 */
const HASH_OF_NOTHING = -0;

/**
 * A row as of one change, with its encoding and its place in the order of change. The next change
 * makes another, so ordered indexes share it. Its links are read-only outside this file.
 */
export class RowNode {
  readonly key: string;
  readonly row: Row;
  /** The row as it is sent. */
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
  /** The commit that changed it here. */
  readonly seq: number;
  /** That commit's time. */
  readonly timeMs: number;
  /** This row's hash in the digest, perhaps of an earlier value; 0 for none yet. */
  hash = HASH_OF_NOTHING;
  older: RowNode | null = null;
  newer: RowNode | null = null;

  constructor(key: string, row: Row, json: string, bytes: number, seq: number, timeMs: number) {
    this.key = key;
    this.row = row;
    this.json = json;
    this.bytes = bytes;
    this.seq = seq;
    this.timeMs = timeMs;
  }

  /** A row is a place of its own in an ordered index, as bounds are between rows. */
  get side(): 0 {
    return 0;
  }
}

class Tombstone {
  readonly key: string;
  readonly seq: number;
  older: Tombstone | null = null;
  newer: Tombstone | null = null;

  constructor(key: string, seq: number) {
    this.key = key;
    this.seq = seq;
  }
}

/** The changes after a cursor, oldest change first; `seqs` of both lists never fall. */
export interface Changes {
  readonly upserts: readonly Pick<RowNode, "key" | "json" | "bytes" | "seq">[];
  readonly removes: readonly { readonly key: string; readonly seq: number }[];
}

/** The content as plain data; it determines the answer to every cursor. */
export interface RowsCheckpoint {
  readonly builtSeq: number;
  readonly floor: number;
  readonly lastSeq: number;
  /** In the order in which their keys were inserted, which is the order of snapshots. */
  readonly rows: readonly {
    readonly key: string;
    readonly json: string;
    readonly seq: number;
    readonly timeMs: number;
  }[];
  /** Indices into `rows`, oldest change first: within one seq the seqs do not tell this order. */
  readonly order: readonly number[];
  /** Oldest departure first. */
  readonly tombstones: readonly { readonly key: string; readonly seq: number }[];
}

interface Link<Node> {
  readonly seq: number;
  older: Node | null;
  newer: Node | null;
}

/** An intrusive doubly linked list, oldest change to newest. */
class ChangeList<Node extends Link<Node>> {
  oldest: Node | null = null;
  newest: Node | null = null;

  push(node: Node): void {
    node.older = this.newest;
    node.newer = null;
    if (this.newest === null) this.oldest = node;
    else this.newest.newer = node;
    this.newest = node;
  }

  unlink(node: Node): void {
    if (node.older === null) this.oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === null) this.newest = node.older;
    else node.newer.older = node.older;
  }

  since(cursor: number): Node[] {
    const found: Node[] = [];
    for (let node = this.newest; node !== null && node.seq > cursor; node = node.older)
      found.push(node);
    return found.reverse();
  }

  /** The seq of the newest node at or before `cursor`, or 0. */
  seqAtOrBefore(cursor: number): number {
    let node = this.newest;
    while (node !== null && node.seq > cursor) node = node.older;
    return node?.seq ?? 0;
  }
}

export class ChangeOrderedRows {
  readonly #rows = new Map<string, RowNode>();
  readonly #order = new ChangeList<RowNode>();
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #departures = new ChangeList<Tombstone>();
  readonly #tombstonesMax: number;
  #floor: number;
  #lastSeq: number;
  #bytes = 0;
  #hashSum = HASH_OF_NOTHING;
  /** The newest row up to which all hashes are current. */
  #hashedTo: RowNode | null = null;
  #builtSeq: number;

  /** From `builtSeq` on the content includes each change: cursors below it are not served. */
  constructor(builtSeq: number, tombstonesMax: number) {
    this.#builtSeq = builtSeq;
    this.#floor = builtSeq;
    this.#lastSeq = builtSeq;
    this.#tombstonesMax = tombstonesMax;
  }

  /** The same rows, tombstones and floor: every cursor is answered alike. */
  static from(
    { builtSeq, floor, lastSeq, rows, order, tombstones }: RowsCheckpoint,
    tombstonesMax: number,
  ): ChangeOrderedRows {
    const made = new ChangeOrderedRows(builtSeq, tombstonesMax);
    const nodes = rows.map(
      ({ key, json, seq, timeMs }) =>
        new RowNode(key, JSON.parse(json) as Row, json, Buffer.byteLength(json), seq, timeMs),
    );
    for (const node of nodes) {
      made.#rows.set(node.key, node);
      made.#bytes += node.bytes;
    }
    for (const place of order) made.#order.push(nodes[place] as RowNode);
    for (const { key, seq } of tombstones) {
      const tombstone = new Tombstone(key, seq);
      made.#tombstones.set(key, tombstone);
      made.#departures.push(tombstone);
    }
    made.#floor = floor;
    made.#lastSeq = lastSeq;
    return made;
  }

  checkpoint(): RowsCheckpoint {
    const places = new Map<RowNode, number>();
    const rows = Array.from(this.#rows.values(), (node) => {
      places.set(node, places.size);
      return { key: node.key, json: node.json, seq: node.seq, timeMs: node.timeMs };
    });
    const order: number[] = [];
    for (let node = this.#order.oldest; node !== null; node = node.newer)
      order.push(places.get(node) as number);
    const tombstones: { key: string; seq: number }[] = [];
    for (let left = this.#departures.oldest; left !== null; left = left.newer)
      tombstones.push({ key: left.key, seq: left.seq });
    return {
      builtSeq: this.#builtSeq,
      floor: this.#floor,
      lastSeq: this.#lastSeq,
      rows,
      order,
      tombstones,
    };
  }

  /** The seq from which on the content includes each change. */
  get builtSeq(): number {
    return this.#builtSeq;
  }

  /**
   * The content was filled while changes came: from `seq` on it is complete, and cursors below are
   * not served.
   */
  builtAt(seq: number): void {
    this.#advance(Math.max(seq, this.#lastSeq));
    this.#builtSeq = seq;
    this.#floor = Math.max(this.#floor, seq);
    this.#tombstones.clear();
    this.#departures.oldest = this.#departures.newest = null;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Bytes of the rows' JSON together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The highest seq whose departures have been forgotten; cursors below it need a snapshot. */
  get floor(): number {
    return this.#floor;
  }

  /** The seq of the newest change, or the one at which this was built. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The row that changed longest ago. */
  get oldest(): RowNode | null {
    return this.#order.oldest;
  }

  get(key: string): RowNode | undefined {
    return this.#rows.get(key);
  }

  values(): IterableIterator<RowNode> {
    return this.#rows.values();
  }

  /**
   * Inserts or replaces, as the newest change. `bytes` is the length of `json` in UTF-8, if known.
   */
  set(
    key: string,
    row: Row,
    json: string,
    seq: number,
    timeMs: number,
    bytes = Buffer.byteLength(json),
  ): RowNode {
    this.#advance(seq);
    this.#bytes += bytes;
    const node = new RowNode(key, row, json, bytes, seq, timeMs);
    const existing = this.#rows.get(key);
    if (existing !== undefined) {
      this.#bytes -= existing.bytes;
      node.hash = existing.hash;
      this.#unlink(existing);
    }
    const tombstone = this.#tombstones.get(key);
    if (tombstone !== undefined) {
      this.#tombstones.delete(key);
      this.#departures.unlink(tombstone);
    }
    this.#rows.set(key, node);
    this.#order.push(node);
    return node;
  }

  /** Removes a key and leaves a tombstone. Returns whether the key was there. */
  delete(key: string, seq: number): boolean {
    const node = this.#rows.get(key);
    if (node === undefined) return false;
    this.#advance(seq);
    this.#drop(node);
    this.#leaveTombstone(key, seq);
    return true;
  }

  /** Removes a row without a tombstone. Cursors from before its last change are not served. */
  forget(key: string): void {
    const node = this.#rows.get(key);
    if (node === undefined) return;
    this.#drop(node);
    this.#floor = Math.max(this.#floor, node.seq);
  }

  /** Leaves a tombstone for a key that is not here. */
  bury(key: string, seq: number): void {
    this.#advance(seq);
    const known = this.#tombstones.get(key);
    if (known !== undefined) this.#departures.unlink(known);
    this.#leaveTombstone(key, seq);
  }

  /**
   * Whether a key was inserted, changed or removed after `seq`. Also true where that is no longer
   * known.
   */
  hasChangedSince(key: string, seq: number): boolean {
    const node = this.get(key);
    if (node !== undefined) return node.seq > seq;
    return (this.#tombstones.get(key)?.seq ?? this.#floor) > seq;
  }

  /** Undefined for a cursor below the floor: only a snapshot can answer that. */
  changesSince(cursor: number): Changes | undefined {
    if (cursor < this.#floor) return undefined;
    return { upserts: this.#order.since(cursor), removes: this.#departures.since(cursor) };
  }

  /**
   * The newest change at or before `cursor`. Cursors that normalise to the same seq need the
   * same bytes, so one encoding serves nearly all sessions.
   */
  normalise(cursor: number): number {
    if (cursor >= this.#lastSeq) return this.#lastSeq;
    const seq = Math.max(this.#order.seqAtOrBefore(cursor), this.#departures.seqAtOrBefore(cursor));
    return Math.max(seq, Math.min(this.#floor, cursor));
  }

  /**
   * The digest of all rows, or undefined when more than `rowsMax` rows have changed since it was
   * last asked for: then the next call continues. Each changed row is hashed once, however often it
   * changed.
   */
  digest(rowsMax: number): string | undefined {
    let node = this.#hashedTo === null ? this.#order.oldest : this.#hashedTo.newer;
    for (let count = 0; node !== null; node = node.newer) {
      if (count++ >= rowsMax) return undefined;
      const hash = rowHash(node.json);
      this.#hashSum = replaceHash(this.#hashSum, node.hash, hash);
      node.hash = hash;
      this.#hashedTo = node;
    }
    return digestText(this.#hashSum);
  }

  #drop(node: RowNode): void {
    this.#rows.delete(node.key);
    this.#hashSum = replaceHash(this.#hashSum, node.hash, 0);
    this.#unlink(node);
    this.#bytes -= node.bytes;
  }

  #leaveTombstone(key: string, seq: number): void {
    const tombstone = new Tombstone(key, seq);
    this.#tombstones.set(key, tombstone);
    this.#departures.push(tombstone);
    while (this.#tombstones.size > this.#tombstonesMax) this.#forgetOldestDeparture();
  }

  /** Takes a row out of the order: an index that still has it must not keep its neighbours. */
  #unlink(node: RowNode): void {
    if (this.#hashedTo === node) this.#hashedTo = node.older;
    this.#order.unlink(node);
    node.older = node.newer = null;
  }

  #advance(seq: number): void {
    assert(seq >= this.#lastSeq, `change ${seq} after ${this.#lastSeq}`);
    this.#lastSeq = seq;
  }

  #forgetOldestDeparture(): void {
    const oldest = this.#departures.oldest;
    assert(oldest !== null, "tombstones without a list");
    this.#departures.unlink(oldest);
    this.#tombstones.delete(oldest.key);
    this.#floor = oldest.seq;
  }
}
