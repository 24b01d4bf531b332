/**
 * The changes of a query on a channel with history, for a client that has loaded rows from the
 * store as well: a row that leaves the live table by eviction still exists, so it is not told as
 * removed; and a row outside the live table that changes so that it no longer matches, or is
 * removed, is told as removed although the view does not hold it. Under a policy, that is told of
 * rows that clients may hold, and of rows whose present version the caller may see.
 *
 * Retains at most one entry per row of the channel, and `outsideRowsMax` keys of rows outside it.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Predicate } from "../protocol/where.ts";
import { FilteredView, type FilteredViewOptions } from "./filtered-view.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";
import { OutsideRows, type ReadRows } from "./outside-rows.ts";
import { viewBytes } from "./view.ts";

export interface FeedViewOptions extends FilteredViewOptions {
  /** The rows that the subscriber's rights allow; undefined for all. */
  readonly mayBeSeen: Predicate | undefined;
  /** Whether the store may hold rows that the live table does not. */
  readonly hasRowsOutside: () => boolean;
  readonly outsideRowsMax: number;
}

/** @throws TidemarkError `NO_HISTORY`, `BAD_QUERY` for a query that has a limit too */
export function checkHistory(query: WireQuery, { history, name }: ChannelDeclaration): void {
  if (query.history !== true) return;
  if (history === undefined)
    throw new TidemarkError("NO_HISTORY", `Channel "${name}" keeps no history.`);
  if (query.limit !== undefined)
    throw new TidemarkError(
      "BAD_QUERY",
      "Bad query: a subscription with history has no limit; the client bounds its rows.",
    );
}

export class FeedView extends FilteredView {
  readonly #mayBeSeen: Predicate | undefined;
  readonly #hasRowsOutside: () => boolean;
  /** Undefined where each removal may be told. */
  readonly #outside: OutsideRows | undefined;

  constructor({ mayBeSeen, hasRowsOutside, outsideRowsMax, ...options }: FeedViewOptions) {
    super(options);
    this.#mayBeSeen = mayBeSeen;
    this.#hasRowsOutside = hasRowsOutside;
    const isNeeded = mayBeSeen !== undefined && options.declaration.history?.appendOnly !== true;
    this.#outside = isNeeded ? new OutsideRows(outsideRowsMax) : undefined;
  }

  override get bytes(): number {
    return super.bytes + viewBytes(this.#outside?.size ?? 0, 0);
  }

  /**
   * Reads rows of the store for a client that follows this view. Undefined if they have changed
   * meanwhile in a way that the view can't tell: then they must be read anew.
   */
  serve<P extends ReadRows>(read: () => Promise<P>): Promise<P | undefined> {
    return this.#outside?.serve(read) ?? read();
  }

  override apply(change: RowChange, point: CommitPoint): boolean {
    const { key, evicted } = change;
    let hasChanged = false;
    if (!evicted) hasChanged = this.#change(change, point);
    else {
      if (this.rows.get(key) !== undefined) this.#outside?.add(key);
      this.rows.forget(key);
    }
    if (this.#outside?.isFull !== true) return hasChanged;
    this.#outside.clear();
    this.rows.builtAt(point.seq);
    return true;
  }

  #change(change: RowChange, point: CommitPoint): boolean {
    const { key, before, after } = change;
    if (super.apply(change, point)) return true;
    // Its present version is in the view, or one that does not match was in the table before.
    if (before !== undefined || this.rows.get(key) !== undefined) return false;
    if (!this.#hasRowsOutside()) return false;
    const isKnowable = this.#mayBeSeen === undefined || (after && this.#mayBeSeen(after.row));
    const isHeld = this.#outside?.take(key) === true;
    if (isKnowable !== true && !isHeld) {
      this.#outside?.noteUntold(key, point.seq);
      return false;
    }
    this.rows.bury(key, point.seq);
    return true;
  }
}
