/**
 * What one view sends from a cursor to a position, frozen: a snapshot, or the delta `(prevSeq, seq]`.
 * Frames are encoded when first asked for and shared by all who need the same cut. Rows are held
 * as the text they are sent as, so later changes can't reach a cut.
 */
import type { DeltaBatch } from "../../protocol/messages/delta-batch.ts";
import type { Snapshot } from "../../protocol/messages/snapshot.ts";
import { assert } from "../../std/assert.ts";
import type { Changes } from "../../table/change-ordered-rows.ts";
import type { View } from "../../table/view.ts";
import { Frame } from "./frame.ts";

/** The items of one frame: a range of each list. */
interface FrameRange {
  readonly upserts: readonly string[];
  readonly removes: readonly string[];
  readonly prevSeq: number;
  readonly seq: number;
  readonly more: boolean;
  /** Of a seq that is larger than a frame. */
  readonly part?: number | undefined;
}

export class Cut {
  readonly kind: "snapshot" | "delta";
  /** The position that it brings a client to. */
  readonly seq: number;
  /** Sessions in the middle of reading it. */
  readers = 0;
  readonly #view: View;
  #ranges: (FrameRange | undefined)[];
  #frames: (Frame | undefined)[] = [];
  readonly #boundaries: readonly (number | undefined)[];
  #isAbandoned = false;

  private constructor(kind: "snapshot" | "delta", view: View, seq: number, ranges: readonly FrameRange[]) {
    this.kind = kind;
    this.#view = view;
    this.seq = seq;
    this.#ranges = [...ranges];
    this.#boundaries = ranges.map((range) => (range.more ? undefined : range.seq));
  }

  static snapshot(view: View, frameBytesMax: number): Cut {
    const seq = view.rows.lastSeq;
    const texts = Array.from(view.rows.values(), ({ json }) => json);
    const ranges: FrameRange[] = [];
    let start = 0;
    do {
      let bytes = 0;
      let end = start;
      while (end < texts.length && (bytes === 0 || bytes + (texts[end] as string).length <= frameBytesMax)) {
        bytes += (texts[end++] as string).length;
      }
      ranges.push({ upserts: texts.slice(start, end), removes: [], prevSeq: 0, seq, more: end < texts.length });
      start = end;
    } while (start < texts.length);
    return new Cut("snapshot", view, seq, ranges);
  }

  static delta(view: View, changes: Changes, prevSeq: number, frameBytesMax: number): Cut {
    // Told from the channel, a change may be newer than the view's own newest.
    const seq = Math.max(view.rows.lastSeq, changes.upserts.at(-1)?.seq ?? 0, changes.removes.at(-1)?.seq ?? 0);
    return new Cut("delta", view, seq, splitDelta(changes, prevSeq, seq, frameBytesMax));
  }

  /** Given up for a newer one; whoever was reading it starts again with that. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#ranges = [];
    this.#frames = [];
  }

  get frameCount(): number {
    return this.#ranges.length;
  }

  frame(index: number): Frame {
    const encoded = this.#frames[index];
    if (encoded !== undefined) return encoded;
    const range = this.#ranges[index];
    assert(range !== undefined, `frame ${index} of ${this.frameCount}`);
    const frame = new Frame(this.kind === "snapshot" ? this.#snapshotText(range, index) : this.#deltaText(range), "rows");
    this.#frames[index] = frame;
    this.#ranges[index] = undefined;
    return frame;
  }

  /** Where a client stands that has read a delta's frames before `index`; undefined within one seq. */
  seqBefore(index: number): number | undefined {
    return this.#boundaries[index - 1];
  }

  #snapshotText({ upserts, more, seq }: FrameRange, part: number): string {
    const head: Omit<Snapshot, "rows"> = { op: "DISPATCH", type: "SNAPSHOT", ...viewName(this.#view), seq, part, more };
    return `${JSON.stringify(head).slice(0, -1)},"rows":[${upserts.join(",")}]}`;
  }

  #deltaText({ upserts, removes, prevSeq, seq, more, part }: FrameRange): string {
    const head: Omit<DeltaBatch, "patch"> = {
      op: "DISPATCH",
      type: "DELTA_BATCH",
      ...viewName(this.#view),
      prev_seq: prevSeq,
      seq,
      ...(more && { more }),
      ...(part !== undefined && { part }),
      watermark: { latest_ingest_seq: this.seq },
    };
    const patch = `{"upsert":[${upserts.join(",")}],"remove":${JSON.stringify(removes)}}`;
    return `${JSON.stringify(head).slice(0, -1)},"patch":${patch}}`;
  }
}

/** Tells what the view's rows add up to, without changing anything. */
export function digestFrame(view: View, digest: string): Frame {
  const { lastSeq } = view.rows;
  const message: DeltaBatch = {
    op: "DISPATCH",
    type: "DELTA_BATCH",
    ...viewName(view),
    prev_seq: lastSeq,
    seq: lastSeq,
    patch: { upsert: [], remove: [] },
    digest,
    watermark: { latest_ingest_seq: lastSeq },
  };
  return new Frame(JSON.stringify(message));
}

/** `view` names every view but a bare channel, whose id is its name. */
function viewName({ id, channel }: View): { channel: string; view?: string } {
  return id === channel ? { channel } : { channel, view: id };
}

interface DeltaItem {
  readonly seq: number;
  readonly text: string;
  readonly isRemove: boolean;
}

/** Frames end on seq boundaries; one seq larger than a frame becomes several with `more`. */
function splitDelta(changes: Changes, prevSeq: number, seq: number, frameBytesMax: number): readonly FrameRange[] {
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
    if (bytes > 0 && bytes + item.text.length > frameBytesMax && last !== undefined) {
      close(last.seq, last.seq === item.seq);
    }
    pending.push(item);
    bytes += item.text.length;
  });
  close(seq, false);
  return ranges;
}

/** Both lists as one, oldest change first. */
function bySeq({ upserts, removes }: Changes): readonly DeltaItem[] {
  const items: DeltaItem[] = [];
  let remove = 0;
  for (const { seq, json } of upserts) {
    for (let left = removes[remove]; left !== undefined && left.seq <= seq; left = removes[++remove]) {
      items.push({ seq: left.seq, text: left.key, isRemove: true });
    }
    items.push({ seq, text: json, isRemove: false });
  }
  for (const { seq, key } of removes.slice(remove)) items.push({ seq, text: key, isRemove: true });
  return items;
}
