/**
 * The changes of a query on a channel with history, for a client that has loaded rows from the
 * store as well: a row that leaves the live table by eviction still exists, so it is not told as
 * removed; and a row outside the live table that changes so that it no longer matches, or is
 * removed, is told as removed although the view does not hold it.
 *
 * Retains at most one entry per row of the channel.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Predicate } from "../protocol/where.ts";
import { FilteredView, type FilteredViewOptions } from "./filtered-view.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";

export interface FeedViewOptions extends FilteredViewOptions {
  /** The rows that the subscriber's rights allow; undefined for all. */
  readonly mayBeSeen: Predicate | undefined;
  /** Whether the store may hold rows that the live table does not. */
  readonly hasRowsOutside: () => boolean;
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

  constructor({ mayBeSeen, hasRowsOutside, ...options }: FeedViewOptions) {
    super(options);
    this.#mayBeSeen = mayBeSeen;
    this.#hasRowsOutside = hasRowsOutside;
  }

  override apply(change: RowChange, point: CommitPoint): boolean {
    const { key, before, after, evicted } = change;
    if (evicted) {
      this.rows.forget(key);
      return false;
    }
    if (super.apply(change, point)) return true;
    // Its present version is in the view, or one that does not match was in the table before.
    if (before !== undefined || this.rows.get(key) !== undefined) return false;
    const isKnowable = this.#mayBeSeen === undefined || (after && this.#mayBeSeen(after.row));
    if (!this.#hasRowsOutside() || isKnowable !== true) return false;
    this.rows.bury(key, point.seq);
    return true;
  }
}
