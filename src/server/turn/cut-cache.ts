/**
 * Encode once: hands out one shared cut per (view, cursor, position). Retains at most
 * `snapshotsPinnedMax` snapshots of a view, and `DELTAS_KEPT_MAX` of its deltas until the view changes.
 */
import type { Changes } from "../../table/change-ordered-rows.ts";
import type { View } from "../../table/view.ts";
import { Cut, digestMessage, type CutOptions } from "./cut.ts";
import type { SharedMessage } from "./frame.ts";
import type { ServerLimits } from "../limits.ts";

interface ViewCuts {
  /** The position of the view that `deltas` lead to. */
  seq: number;
  readonly deltas: Map<number, Cut>;
  digest: SharedMessage | undefined;
  snapshots: { readonly cut: Cut; readonly builtMs: number }[];
}

/** Deltas of one view kept for sharing. Full: the oldest goes, and is encoded again for who still needs it. */
const DELTAS_KEPT_MAX = 16;

/** Changed rows hashed at a time for a digest; what is beyond them is left to the next turn. */
const DIGEST_ROWS_MAX = 10_000;

/** A delta may be this much larger than a snapshot before the snapshot is sent instead. */
const DELTA_SLACK_BYTES = 16 * 1024;

export interface CutCacheOptions {
  readonly limits: ServerLimits;
  /** In how many the same may be asked for. */
  readonly dialects: number;
  readonly monotonic: () => number;
  readonly onSnapshot: (buildMs: number) => void;
}

export class CutCache {
  readonly #limits: ServerLimits;
  readonly #cutOptions: CutOptions;
  readonly #monotonic: () => number;
  readonly #onSnapshot: (buildMs: number) => void;
  readonly #views = new Map<View, ViewCuts>();
  #digestRound = 0;
  #roundMs: number;

  constructor(options: CutCacheOptions) {
    this.#limits = options.limits;
    this.#cutOptions = { frameBytesMax: options.limits.frameBytesMax, dialects: options.dialects };
    this.#monotonic = options.monotonic;
    this.#onSnapshot = options.onSnapshot;
    this.#roundMs = options.monotonic();
  }

  /** Rises every `digestIntervalMs`; each subscription is sent a digest in each round. */
  get digestRound(): number {
    return this.#digestRound;
  }

  /** The digest of the view at its head; undefined while too many rows are left to hash. */
  digest(view: View): SharedMessage | undefined {
    const cuts = this.#cutsOf(view);
    if (cuts.digest !== undefined) return cuts.digest;
    const digest = view.rows.digest(DIGEST_ROWS_MAX);
    if (digest !== undefined) cuts.digest = digestMessage(view, digest);
    return cuts.digest;
  }

  /** The delta from a cursor to the view's head, or undefined where only a snapshot can answer. */
  delta(view: View, cursor: number): Cut | undefined {
    const { rows } = view;
    const cuts = this.#cutsOf(view);
    const prevSeq = cursor < rows.floor ? cursor : rows.normalise(cursor);
    const known = cuts.deltas.get(prevSeq);
    if (known !== undefined) return known;
    const changes = view.changesSince(prevSeq);
    if (changes === undefined) return undefined;
    const bytes = bytesOf(changes);
    if (bytes > rows.bytes + DELTA_SLACK_BYTES || bytes > this.#limits.deltaBytesMax)
      return undefined;
    const cut = Cut.delta(view, changes, prevSeq, this.#cutOptions);
    cuts.deltas.set(prevSeq, cut);
    const oldest = cuts.deltas.keys().next().value;
    if (cuts.deltas.size > DELTAS_KEPT_MAX && oldest !== undefined) cuts.deltas.delete(oldest);
    return cut;
  }

  /**
   * A snapshot at the view's head, or a recent one from which a delta leads to the head. When as many
   * as may be are under way, the oldest is abandoned: its readers start again with the newest.
   */
  snapshot(view: View): Cut {
    const cuts = this.#cutsOf(view);
    const startMs = this.#monotonic();
    const newest = cuts.snapshots.at(-1);
    const isReusable =
      newest !== undefined &&
      (newest.cut.readers > 0 || startMs - newest.builtMs < this.#limits.snapshotReuseMs);
    if (
      newest !== undefined &&
      (newest.cut.seq === view.rows.lastSeq ||
        (isReusable && this.delta(view, newest.cut.seq) !== undefined))
    )
      return newest.cut;
    const cut = Cut.snapshot(view, this.#cutOptions);
    this.#onSnapshot(this.#monotonic() - startMs);
    const pinned = cuts.snapshots.filter((kept) => kept.cut.readers > 0);
    while (pinned.length >= this.#limits.snapshotsPinnedMax) pinned.shift()?.cut.abandon();
    cuts.snapshots = [...pinned, { cut, builtMs: startMs }];
    return cut;
  }

  /** Lets go of what nobody reads and what is too old to be reused. */
  sweep(): void {
    const nowMs = this.#monotonic();
    if (nowMs - this.#roundMs >= this.#limits.digestIntervalMs) {
      this.#roundMs = nowMs;
      this.#digestRound++;
    }
    for (const [view, cuts] of this.#views) {
      cuts.deltas.clear();
      cuts.digest = undefined;
      cuts.snapshots = cuts.snapshots.filter(
        ({ cut, builtMs }) => cut.readers > 0 || nowMs - builtMs < this.#limits.snapshotReuseMs,
      );
      if (cuts.snapshots.length === 0) this.#views.delete(view);
    }
  }

  #cutsOf(view: View): ViewCuts {
    let cuts = this.#views.get(view);
    if (cuts === undefined) {
      cuts = { seq: view.rows.lastSeq, deltas: new Map(), digest: undefined, snapshots: [] };
      this.#views.set(view, cuts);
    } else if (cuts.seq !== view.rows.lastSeq) {
      cuts.deltas.clear();
      cuts.digest = undefined;
      cuts.seq = view.rows.lastSeq;
    }
    return cuts;
  }
}

function bytesOf({ upserts, removes }: Changes): number {
  let bytes = 0;
  for (const { json } of upserts) bytes += json.length;
  for (const { key } of removes) bytes += key.length;
  return bytes;
}
