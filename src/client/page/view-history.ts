/** The part of a view's snapshot that is about history. */
import type { ViewError } from "../port.ts";

/** What a view has of history, and how to get more. A new object when a field changes. */
export interface ViewHistory {
  /** Rows behind the last one can be loaded. */
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  /** The view holds `historyRowsMax` rows: no more are loaded. */
  readonly isFull: boolean;
  /**
   * The server has every row that last changed at this seq or later; of older rows its retention
   * may have forgotten some, also between two pages of a list that stands still. 0: none.
   */
  readonly completeFrom: number;
  /** The view stands still as of this seq. */
  readonly pausedAt: number | undefined;
  /** Why the last page could not be loaded. */
  readonly error: ViewError | undefined;
  /** Loads the next page, unless one is being loaded or none is left. */
  loadMore(): void;
  /** Keeps the rows as they are, so that nothing moves while one reads. */
  pause(): void;
  /** Begins anew with the newest rows. */
  resume(): void;
}
