/**
 * The shared state of all channels' views: counts against the limits, the views that changed since
 * the last flush, and the refused views.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ViewLimits } from "./limits.ts";
import type { View } from "./view.ts";

/** A view, or an index that views share. */
export interface Holding {
  readonly bytes: number;
  /** The identity whose share it counts against; undefined for clients without identity. */
  readonly owner: string | undefined;
  readonly isFilled: boolean;
  /** Refuses the view, or the views of the index. */
  readonly refuse: (error: TidemarkError) => void;
}

/** The part of a channel's views that the pool uses. */
export interface PooledViews {
  holdings(): Iterable<Holding>;
  sweep(nowMs: number, lingerMs?: number): void;
  dropSpare(): void;
}

/** What can be counted while it is built. */
type Sized = Pick<Holding, "bytes">;

/** A view that was complete and has been refused since. */
export interface RefusedView {
  readonly view: View;
  readonly error: TidemarkError;
}

export class ViewPool {
  readonly limits: ViewLimits;
  readonly dirty = new Set<View>();
  readonly sets = new Set<PooledViews>();
  /** The refused views, until `takeRefused`. */
  refused: RefusedView[] = [];
  entries = 0;
  #views = 0;
  readonly #viewsOf = new Map<string, number>();
  /** Bytes of all views and of each owner's: the last sum, plus the views filled since. */
  #bytes = 0;
  readonly #bytesOf = new Map<string | undefined, number>();

  constructor(limits: ViewLimits) {
    this.limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get views(): number {
    return this.#views;
  }

  /** A view was added (1) or released (-1). */
  count(owner: string | undefined, step: 1 | -1): void {
    this.#views += step;
    if (owner === undefined) return;
    const views = (this.#viewsOf.get(owner) ?? 0) + step;
    if (views === 0) this.#viewsOf.delete(owner);
    else this.#viewsOf.set(owner, views);
  }

  /** A view or an index is complete. */
  noteFilled({ bytes }: Sized, owner: string | undefined): void {
    this.#bytes += bytes;
    this.#bytesOf.set(owner, (this.#bytesOf.get(owner) ?? 0) + bytes);
  }

  /** Releases every view without subscribers, without waiting for its linger time. */
  dropIdle(): void {
    for (const views of this.sets) views.sweep(Number.POSITIVE_INFINITY, 0);
  }

  /** Releases, besides, what can be made anew. */
  makeRoom(): void {
    this.dropIdle();
    for (const views of this.sets) views.dropSpare();
  }

  /** Makes room for one more view. @throws TidemarkError `TOO_MANY_VIEWS`, `VIEW_TOO_LARGE` */
  checkRoom(owner: string | undefined): void {
    const { viewsMax, identityShareMax } = this.limits;
    if (this.#views >= viewsMax) this.dropIdle();
    if (this.#views >= viewsMax) {
      throw new TidemarkError(
        "TOO_MANY_VIEWS",
        `The server maintains ${viewsMax} different views, its limit. Share queries between clients, or raise viewsMax.`,
      );
    }
    if (owner === undefined) return;
    if ((this.#viewsOf.get(owner) ?? 0) >= viewsMax * identityShareMax) this.dropIdle();
    const own = this.#viewsOf.get(owner) ?? 0;
    if (own >= viewsMax * identityShareMax)
      throw new TidemarkError(
        "TOO_MANY_VIEWS",
        `The server maintains ${own} views for this identity, its share. End some, or raise viewsMax or identityShareMax.`,
      );
  }

  /** Makes room for what was added. @throws TidemarkError `VIEW_TOO_LARGE` */
  checkEntries(): void {
    const { entriesMax } = this.limits;
    if (this.entries > entriesMax) this.makeRoom();
    if (this.entries <= entriesMax) return;
    throw new TidemarkError(
      "VIEW_TOO_LARGE",
      `All views together may hold ${entriesMax} rows and this one does not fit. Narrow its where, or raise entriesMax.`,
    );
  }

  /**
   * Checks the size of a view or an index that is being filled, in addition to the last sum.
   * @throws TidemarkError `VIEW_TOO_LARGE`
   */
  checkBytes(sized: Sized, owner: string | undefined): void {
    const { bytesMax, identityShareMax } = this.limits;
    const isOver = (): boolean =>
      this.#bytes + sized.bytes > bytesMax ||
      (owner !== undefined &&
        (this.#bytesOf.get(owner) ?? 0) + sized.bytes > bytesMax * identityShareMax);
    if (!isOver()) return;
    this.makeRoom();
    this.#sumBytes();
    if (this.#bytes + sized.bytes > bytesMax) {
      throw new TidemarkError(
        "VIEW_TOO_LARGE",
        `All views together may take ${bytesMax} bytes besides the channels, and this one does not fit. Narrow its where, name fewer columns, or raise bytesMax.`,
      );
    }
    if (!isOver()) return;
    throw new TidemarkError(
      "VIEW_TOO_LARGE",
      `The views of one identity may take ${bytesMax * identityShareMax} bytes besides the channels, and this one does not fit. End some, narrow its where, or raise bytesMax.`,
    );
  }

  /** Views grow with their channels: over the bound the largest are refused. */
  refuseLargest(): void {
    this.#sumBytes();
    const { bytesMax } = this.limits;
    if (this.#bytes <= bytesMax) return;
    this.makeRoom();
    const all = [...this.sets].flatMap((views) => [...views.holdings()]);
    for (const { bytes, refuse } of all.sort((left, right) => right.bytes - left.bytes)) {
      if (this.#bytes <= bytesMax) return;
      this.#bytes -= bytes;
      refuse(
        new TidemarkError(
          "VIEW_TOO_LARGE",
          `All views together may take ${bytesMax} bytes besides the channels; this one, with the index that it uses, had grown to ${bytes} and was the largest. Narrow its where, name fewer columns, or raise bytesMax.`,
        ),
      );
    }
  }

  #sumBytes(): void {
    this.#bytes = 0;
    this.#bytesOf.clear();
    for (const views of this.sets) {
      for (const { bytes, owner, isFilled } of views.holdings()) {
        if (!isFilled) continue;
        this.#bytes += bytes;
        this.#bytesOf.set(owner, (this.#bytesOf.get(owner) ?? 0) + bytes);
      }
    }
  }
}
