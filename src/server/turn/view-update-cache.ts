/**
 * Returns one shared update per (view, cursor, seq), so that each is encoded once. Retains at most
 * `snapshotsPinnedMax` snapshots of a view, and `deltasKeptMax` of its deltas until the view
 * changes.
 */
import type { Changes } from "../../table/change-ordered-rows.ts";
import type { View } from "../../table/view.ts";
import { DigestMessage, ViewUpdate, type ViewUpdateOptions } from "./view-update.ts";
import type { ServerLimits } from "../limits.ts";

interface ViewUpdates {
  /** The seq of the view that `deltas` lead to. */
  seq: number;
  readonly deltas: Map<number, ViewUpdate>;
  /** The last delta, by the cursor it was asked for: most sessions stand where the last one did. */
  last: { readonly cursor: number; readonly delta: ViewUpdate } | undefined;
  digest: DigestMessage | undefined;
  snapshots: { readonly update: ViewUpdate; readonly builtMs: number }[];
}

export interface ViewUpdateCacheOptions {
  readonly limits: ServerLimits;
  /** The number of dialects that may use the same update. */
  readonly dialects: number;
  readonly monotonic: () => number;
  readonly onSnapshot: (buildMs: number) => void;
}

export class ViewUpdateCache {
  readonly #limits: ServerLimits;
  readonly #updateOptions: ViewUpdateOptions;
  readonly #monotonic: () => number;
  readonly #onSnapshot: (buildMs: number) => void;
  readonly #views = new Map<View, ViewUpdates>();
  #digestRound = 0;
  #roundMs: number;

  constructor(options: ViewUpdateCacheOptions) {
    this.#limits = options.limits;
    this.#updateOptions = {
      frameBytesMax: options.limits.frameBytesMax,
      frameRowsMax: options.limits.frameRowsMax,
      dialects: options.dialects,
    };
    this.#monotonic = options.monotonic;
    this.#onSnapshot = options.onSnapshot;
    this.#roundMs = options.monotonic();
  }

  /** Rises every `digestIntervalMs`; each subscription gets a digest in each round. */
  get digestRound(): number {
    return this.#digestRound;
  }

  /** The digest of the view at its head; undefined while too many rows are left to hash. */
  digest(view: View): DigestMessage | undefined {
    const updates = this.#updatesOf(view);
    if (updates.digest !== undefined) return updates.digest;
    const digest = view.rows.digest(this.#limits.digestRowsMax);
    if (digest !== undefined) updates.digest = new DigestMessage(view, digest);
    return updates.digest;
  }

  /** The delta from a cursor to the view's head, or undefined where only a snapshot can answer. */
  delta(view: View, cursor: number): ViewUpdate | undefined {
    const updates = this.#updatesOf(view);
    if (updates.last?.cursor === cursor) return updates.last.delta;
    const delta = this.#deltaFrom(view, cursor, updates);
    if (delta !== undefined) updates.last = { cursor, delta };
    return delta;
  }

  #deltaFrom(view: View, cursor: number, updates: ViewUpdates): ViewUpdate | undefined {
    const { rows } = view;
    const prevSeq = cursor < rows.floor ? cursor : rows.normalise(cursor);
    const known = updates.deltas.get(prevSeq);
    if (known !== undefined) return known;
    const changes = view.changesSince(prevSeq);
    if (changes === undefined) return undefined;
    const bytes = bytesOf(changes);
    if (bytes > rows.bytes + this.#limits.deltaSlackBytes || bytes > this.#limits.deltaBytesMax)
      return undefined;
    const update = ViewUpdate.delta(view, changes, prevSeq, this.#updateOptions);
    updates.deltas.set(prevSeq, update);
    const oldest = updates.deltas.keys().next().value;
    if (updates.deltas.size > this.#limits.deltasKeptMax && oldest !== undefined)
      updates.deltas.delete(oldest);
    return update;
  }

  /**
   * A snapshot at the view's head, or a recent one from which a delta leads to the head. When
   * `snapshotsPinnedMax` are under way, the oldest is abandoned: its readers start again with the
   * newest. With `isAtHead`, for clients without deltas, it is never an older one.
   */
  snapshot(view: View, { isAtHead = false }: { readonly isAtHead?: boolean } = {}): ViewUpdate {
    const updates = this.#updatesOf(view);
    const startMs = this.#monotonic();
    const newest = updates.snapshots.at(-1);
    const isReusable =
      !isAtHead &&
      newest !== undefined &&
      (newest.update.readers > 0 || startMs - newest.builtMs < this.#limits.snapshotReuseMs);
    if (
      newest !== undefined &&
      (newest.update.seq === view.rows.lastSeq ||
        (isReusable && this.delta(view, newest.update.seq) !== undefined))
    )
      return newest.update;
    const update = ViewUpdate.snapshot(view, this.#updateOptions);
    this.#onSnapshot(this.#monotonic() - startMs);
    const pinned = updates.snapshots.filter((kept) => kept.update.readers > 0);
    while (pinned.length >= this.#limits.snapshotsPinnedMax) pinned.shift()?.update.abandon();
    updates.snapshots = [...pinned, { update, builtMs: startMs }];
    return update;
  }

  /** Releases updates that no session reads and that are too old to be reused. */
  sweep(): void {
    const nowMs = this.#monotonic();
    if (nowMs - this.#roundMs >= this.#limits.digestIntervalMs) {
      this.#roundMs = nowMs;
      this.#digestRound++;
    }
    for (const [view, updates] of this.#views) {
      updates.deltas.clear();
      updates.last = undefined;
      updates.digest = undefined;
      updates.snapshots = updates.snapshots.filter(
        ({ update, builtMs }) =>
          update.readers > 0 || nowMs - builtMs < this.#limits.snapshotReuseMs,
      );
      if (updates.snapshots.length === 0) this.#views.delete(view);
    }
  }

  #updatesOf(view: View): ViewUpdates {
    let updates = this.#views.get(view);
    if (updates === undefined) {
      updates = {
        seq: view.rows.lastSeq,
        deltas: new Map(),
        last: undefined,
        digest: undefined,
        snapshots: [],
      };
      this.#views.set(view, updates);
    } else if (updates.seq !== view.rows.lastSeq) {
      updates.deltas.clear();
      updates.last = undefined;
      updates.digest = undefined;
      updates.seq = view.rows.lastSeq;
    }
    return updates;
  }
}

function bytesOf({ upserts, removes }: Changes): number {
  let bytes = 0;
  for (const { bytes: ofRow } of upserts) bytes += ofRow;
  for (const { key } of removes) bytes += Buffer.byteLength(key);
  return bytes;
}
