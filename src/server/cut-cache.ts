/**
 * Encode once: hands out one shared cut per (view, cursor, position). At most
 * `snapshotsPinnedMax` snapshots of a view are under way at once; who comes then shares the newest.
 */
import type { View } from "../table/view.ts";
import { Cut } from "./cut.ts";
import type { ServerLimits } from "./limits.ts";

interface ViewCuts {
  /** The position of the view that `deltas` lead to. */
  seq: number;
  readonly deltas: Map<number, Cut>;
  snapshots: { readonly cut: Cut; readonly builtMs: number }[];
}

/** A delta may be this much larger than a snapshot before the snapshot is sent instead. */
const DELTA_SLACK_BYTES = 16 * 1024;

export class CutCache {
  readonly #limits: ServerLimits;
  readonly #monotonic: () => number;
  readonly #onSnapshot: (buildMs: number) => void;
  readonly #views = new Map<View, ViewCuts>();

  constructor(options: { limits: ServerLimits; monotonic: () => number; onSnapshot: (buildMs: number) => void }) {
    this.#limits = options.limits;
    this.#monotonic = options.monotonic;
    this.#onSnapshot = options.onSnapshot;
  }

  /** The delta from a cursor to the view's head, or undefined where only a snapshot can answer. */
  delta(view: View, cursor: number): Cut | undefined {
    const { rows } = view;
    if (cursor < rows.floor) return undefined;
    const cuts = this.#cutsOf(view);
    const prevSeq = rows.normalise(cursor);
    const known = cuts.deltas.get(prevSeq);
    if (known !== undefined) return known;
    const changes = rows.changesSince(prevSeq);
    if (changes === undefined) return undefined;
    if (changes.removes.length > 0) {
      const removed = changes.removes.reduce((bytes, { key }) => bytes + key.length, 0);
      const upserted = changes.upserts.reduce((bytes, { json }) => bytes + json.length, 0);
      if (removed + upserted > rows.bytes + DELTA_SLACK_BYTES) return undefined;
    }
    const cut = Cut.delta(view, changes, prevSeq, this.#limits.frameBytesMax);
    cuts.deltas.set(prevSeq, cut);
    return cut;
  }

  /** A snapshot at the view's head, or a slightly older one that is still being read or reusable. */
  snapshot(view: View): Cut {
    const cuts = this.#cutsOf(view);
    const nowMs = this.#monotonic();
    const newest = cuts.snapshots.at(-1);
    if (newest !== undefined && this.#isReusable(view, newest, cuts, nowMs)) return newest.cut;
    const startMs = this.#monotonic();
    const cut = Cut.snapshot(view, this.#limits.frameBytesMax);
    this.#onSnapshot(this.#monotonic() - startMs);
    cuts.snapshots = [...cuts.snapshots.filter((kept) => kept.cut.readers > 0), { cut, builtMs: nowMs }];
    return cut;
  }

  /** Lets go of what nobody reads and what is too old to be reused. */
  sweep(): void {
    const nowMs = this.#monotonic();
    for (const [view, cuts] of this.#views) {
      cuts.deltas.clear();
      cuts.snapshots = cuts.snapshots.filter(
        ({ cut, builtMs }) => cut.readers > 0 || nowMs - builtMs < this.#limits.snapshotReuseMs,
      );
      if (cuts.snapshots.length === 0) this.#views.delete(view);
    }
  }

  #isReusable(view: View, newest: { cut: Cut; builtMs: number }, cuts: ViewCuts, nowMs: number): boolean {
    if (newest.cut.seq < view.rows.floor) return false;
    if (newest.cut.seq === view.rows.lastSeq) return true;
    if (nowMs - newest.builtMs < this.#limits.snapshotReuseMs) return true;
    return cuts.snapshots.filter(({ cut }) => cut.readers > 0).length >= this.#limits.snapshotsPinnedMax;
  }

  #cutsOf(view: View): ViewCuts {
    let cuts = this.#views.get(view);
    if (cuts === undefined) {
      cuts = { seq: view.rows.lastSeq, deltas: new Map(), snapshots: [] };
      this.#views.set(view, cuts);
    } else if (cuts.seq !== view.rows.lastSeq) {
      cuts.deltas.clear();
      cuts.seq = view.rows.lastSeq;
    }
    return cuts;
  }
}
