/**
 * A view's frames from a cursor up to one seq, frozen: a snapshot, or the delta `(prevSeq, seq]`.
 * Frames are encoded on first use, once per dialect, and shared by all sessions that need the same
 * update. Rows are kept as the text that is sent, so later changes can't reach an update.
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { DeltaBatch } from "../../protocol/messages/delta-batch.ts";
import type { Digest } from "../../protocol/messages/digest.ts";
import { DIGEST_VERSION } from "../../protocol/version.ts";
import { assert } from "../../std/assert.ts";
import type { Changes } from "../../table/change-ordered-rows.ts";
import type { View } from "../../table/view.ts";
import { dialectViewOf, type Dialect, type DialectView } from "./dialect.ts";
import { frameOf, SharedMessage, type Frame } from "./frame.ts";

/** The items of one frame: a range of each list. */
interface FrameRange {
  readonly upserts: readonly string[];
  readonly removes: readonly string[];
  readonly prevSeq: number;
  readonly seq: number;
  readonly more: boolean;
  /** The part of a seq that is larger than a frame. */
  readonly part?: number | undefined;
}

/** The size of a frame, and the number of dialects that may use one. */
export interface ViewUpdateOptions {
  readonly frameBytesMax: number;
  readonly frameRowsMax: number;
  /** When a range has been encoded in this many dialects, its rows are released. */
  readonly dialects: number;
}

export class ViewUpdate {
  readonly kind: "snapshot" | "delta";
  /** The seq that it brings a client to. */
  readonly seq: number;
  /** The number of sessions that are reading the update. */
  readers = 0;
  readonly #view: DialectView;
  readonly #dialects: number;
  readonly #boundaries: readonly (number | undefined)[];
  readonly #frames = new Map<Dialect, Frame[]>();
  #ranges: (FrameRange | undefined)[];
  #isAbandoned = false;

  private constructor(
    kind: "snapshot" | "delta",
    view: DialectView,
    seq: number,
    ranges: readonly FrameRange[],
    dialects: number,
  ) {
    this.kind = kind;
    this.#view = view;
    this.seq = seq;
    this.#dialects = dialects;
    this.#ranges = [...ranges];
    this.#boundaries = ranges.map((range) => (range.more ? undefined : range.seq));
  }

  static snapshot(view: View, options: ViewUpdateOptions): ViewUpdate {
    const { frameBytesMax, frameRowsMax, dialects } = options;
    const seq = view.rows.lastSeq;
    const rows = Array.from(view.rows.values(), ({ json, bytes }) => ({ json, bytes }));
    const ranges: FrameRange[] = [];
    let start = 0;
    do {
      let bytes = 0;
      let end = start;
      for (
        let row = rows[end];
        row !== undefined &&
        (end === start || (bytes + row.bytes <= frameBytesMax && end - start < frameRowsMax));
        row = rows[++end]
      ) {
        bytes += row.bytes;
      }
      ranges.push({
        upserts: rows.slice(start, end).map(({ json }) => json),
        removes: [],
        prevSeq: 0,
        seq,
        more: end < rows.length,
      });
      start = end;
    } while (start < rows.length);
    return new ViewUpdate("snapshot", dialectViewOf(view), seq, ranges, dialects);
  }

  static delta(
    view: View,
    changes: Changes,
    prevSeq: number,
    options: ViewUpdateOptions,
  ): ViewUpdate {
    // If the channel answers, a change may be newer than the view's newest.
    const seq = Math.max(
      view.rows.lastSeq,
      changes.upserts.at(-1)?.seq ?? 0,
      changes.removes.at(-1)?.seq ?? 0,
    );
    return new ViewUpdate(
      "delta",
      dialectViewOf(view),
      seq,
      splitDelta(changes, prevSeq, seq, options),
      options.dialects,
    );
  }

  /** Abandons the update for a newer snapshot, with which its readers start again. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#ranges = [];
    this.#frames.clear();
  }

  get frameCount(): number {
    return this.#boundaries.length;
  }

  frame(index: number, dialect: Dialect): Frame {
    let frames = this.#frames.get(dialect);
    if (frames === undefined) this.#frames.set(dialect, (frames = []));
    const encoded = frames[index];
    if (encoded !== undefined) return encoded;
    const range = this.#ranges[index];
    assert(range !== undefined, `frame ${index} of ${this.frameCount}`);
    const frame = frameOf(
      this.kind === "snapshot" ? this.#snapshot(range, index) : this.#delta(range),
      dialect,
      this.#view,
    );
    frames[index] = frame;
    if (
      this.#frames.size >= this.#dialects &&
      [...this.#frames.values()].every((made) => made[index] !== undefined)
    )
      this.#ranges[index] = undefined;
    return frame;
  }

  /**
   * The cursor of a client that has read a delta's frames before `index`; undefined within one seq.
   */
  seqBefore(index: number): number | undefined {
    return this.#boundaries[index - 1];
  }

  #snapshot({ upserts, more, seq }: FrameRange, part: number): Outgoing {
    return {
      op: "DISPATCH",
      type: "SNAPSHOT",
      ...viewName(this.#view),
      seq,
      part,
      more,
      rowTexts: upserts,
    };
  }

  #delta({ upserts, removes, prevSeq, seq, more, part }: FrameRange): Outgoing {
    return {
      op: "DISPATCH",
      type: "DELTA_BATCH",
      ...viewName(this.#view),
      prev_seq: prevSeq,
      seq,
      ...(more && { more }),
      ...(part !== undefined && { part }),
      watermark: { latest_ingest_seq: this.seq },
      upsertTexts: upserts,
      removes,
    };
  }
}

/**
 * The digest of the view's rows, encoded at most once for clients that know DIGEST and once for
 * older ones.
 */
export class DigestMessage {
  readonly #message: SharedMessage;
  /** The digest for versions up to 6: an empty delta. */
  readonly #olderMessage: SharedMessage;

  constructor(view: View, digest: string) {
    const about = dialectViewOf(view);
    const seq = view.rows.lastSeq;
    const name = viewName(about);
    const message: Digest = { op: "DISPATCH", type: "DIGEST", ...name, seq, digest };
    const older: DeltaBatch = {
      op: "DISPATCH",
      type: "DELTA_BATCH",
      ...name,
      prev_seq: seq,
      seq,
      patch: { upsert: [], remove: [] },
      digest,
      watermark: { latest_ingest_seq: seq },
    };
    this.#message = new SharedMessage(message, about);
    this.#olderMessage = new SharedMessage(older, about);
  }

  /** The digest for a client that speaks up to `protocol`. */
  frame({ dialect, protocol }: { readonly dialect: Dialect; readonly protocol: number }): Frame {
    const message = protocol < DIGEST_VERSION ? this.#olderMessage : this.#message;
    return message.frame(dialect);
  }
}

/** `view` names each view except a bare channel, whose id is its name. */
function viewName({ id, channel }: DialectView): { channel: string; view?: string } {
  return id === channel ? { channel } : { channel, view: id };
}

interface DeltaItem {
  readonly seq: number;
  readonly text: string;
  readonly bytes: number;
  readonly isRemove: boolean;
}

/** Frames end on seq boundaries; one seq larger than a frame becomes several with `more`. */
function splitDelta(
  changes: Changes,
  prevSeq: number,
  seq: number,
  { frameBytesMax, frameRowsMax }: ViewUpdateOptions,
): readonly FrameRange[] {
  const items = bySeq(changes);
  const ranges: FrameRange[] = [];
  let from = prevSeq;
  let pending: DeltaItem[] = [];
  let bytes = 0;
  let part = 0;
  const close = (upTo: number, more: boolean): void => {
    ranges.push({
      upserts: pending.filter((item) => !item.isRemove).map(({ text }) => text),
      removes: pending.filter((item) => item.isRemove).map(({ text }) => text),
      prevSeq: from,
      seq: upTo,
      more,
      part: more || part > 0 ? part : undefined,
    });
    part = more ? part + 1 : 0;
    if (!more) from = upTo;
    pending = [];
    bytes = 0;
  };
  items.forEach((item, index) => {
    const last = items[index - 1];
    const isFull = bytes + item.bytes > frameBytesMax || pending.length >= frameRowsMax;
    if (pending.length > 0 && isFull && last !== undefined) {
      close(last.seq, last.seq === item.seq);
    }
    pending.push(item);
    bytes += item.bytes;
  });
  close(seq, false);
  return ranges;
}

/** Both lists in one, oldest change first. */
function bySeq({ upserts, removes }: Changes): readonly DeltaItem[] {
  const items: DeltaItem[] = [];
  let remove = 0;
  for (const { seq, json, bytes } of upserts) {
    for (
      let left = removes[remove];
      left !== undefined && left.seq <= seq;
      left = removes[++remove]
    ) {
      items.push(removeItem(left));
    }
    items.push({ seq, text: json, bytes, isRemove: false });
  }
  for (const left of removes.slice(remove)) items.push(removeItem(left));
  return items;
}

function removeItem({ seq, key }: Changes["removes"][number]): DeltaItem {
  return { seq, text: key, bytes: Buffer.byteLength(key), isRemove: true };
}
