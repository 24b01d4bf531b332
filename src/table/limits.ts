/**
 * Limits of views, with what happens when one is full. Each can be set with `createTidemark({
 * limits: { views } })`. The bounds of a channel are part of its declaration.
 */
import { limitsOf, type LimitRelation } from "../std/limits.ts";

export interface ViewLimits {
  /** Views over all channels. Full: new queries are refused with `TOO_MANY_VIEWS`. */
  readonly viewsMax: number;
  /**
   * Views per channel that neither an equality nor a range term routes; each costs one evaluation
   * per change. A window counts only while it has all its matching rows, and each index of all rows
   * counts as one. Full: refused.
   */
  readonly unroutedViewsMax: number;
  /**
   * Entries of all views and their indexes together. Full: new queries are refused with
   * `VIEW_TOO_LARGE`.
   */
  readonly entriesMax: number;
  /**
   * Estimated bytes of all views and their indexes, without the channels' own rows. Full: refused
   * with `VIEW_TOO_LARGE`.
   */
  readonly bytesMax: number;
  /**
   * The share of `viewsMax`, `unroutedViewsMax` and `bytesMax` that the views of one identity may
   * take. Full: the identity's next view is refused.
   */
  readonly identityShareMax: number;
  /** Steps per character of text that one query's like and regex terms may take at worst. */
  readonly stepsPerCharacterMax: number;
  /** Steps that one query may take per evaluated row, on average… */
  readonly stepsPerRowMax: number;
  /** …and in addition for each commit, however few its rows. */
  readonly stepsBaseMax: number;
  /**
   * Steps of all views for one commit of one channel, … Over both, the views that took the most
   * steps are refused.
   */
  readonly stepsPerCommitMax: number;
  /** …and in addition for each row that the commit changes. */
  readonly stepsPerChangeMax: number;
  /** Rows that are evaluated between two checks of the clock, while a view is built. */
  readonly fillStepRows: number;
  /**
   * Matching rows that a window keeps beyond its limit, so that a row that leaves is replaced
   * without a walk of the index. Full: it gives up a quarter of them.
   */
  readonly windowReserveRows: number;
  /**
   * Rows of an index that a window looks at for one that matches, on average. A window whose filter
   * lets fewer rows through keeps all of them, up to the rows of the index divided by this.
   */
  readonly windowStepsPerRowMax: number;
  /**
   * Views with a range of one column, and without an equality, from which on the channel's rows are
   * kept in the column's order: further views are then built from the rows in their range.
   */
  readonly rangeViewsOrderedMin: number;
  /** How long a query that proved too costly is refused without being tried. */
  readonly refusedMs: number;
  /**
   * Queries remembered as too costly, per channel. Full: the oldest is forgotten, and may be tried
   * again. Default 1,000.
   */
  readonly refusedMax: number;
  /**
   * Columns of one channel that are indexed for equality terms, and as many for range terms: each
   * costs a look-up per change. Full: further views are evaluated for every change. Default 16.
   */
  readonly routedColumnsMax: number;
  /** How long a view without subscribers is kept, so that a client that returns can continue. */
  readonly lingerMs: number;
  /** Keys that a view remembers after they left it. */
  readonly tombstonesMax: number;
  /**
   * Keys of rows outside the live table that clients of one feed under a policy may hold. Full: its
   * clients load their rows anew. Default 100,000.
   */
  readonly outsideRowsMax: number;
}

export const VIEW_LIMITS: ViewLimits = {
  viewsMax: 20_000,
  unroutedViewsMax: 1_000,
  entriesMax: 5_000_000,
  bytesMax: 512 * 1024 * 1024,
  identityShareMax: 1 / 4,
  stepsPerCharacterMax: 256,
  stepsPerRowMax: 4_000,
  stepsBaseMax: 400_000,
  stepsPerCommitMax: 8_000_000,
  stepsPerChangeMax: 500,
  fillStepRows: 64,
  rangeViewsOrderedMin: 16,
  windowReserveRows: 50,
  windowStepsPerRowMax: 200,
  refusedMs: 60_000,
  refusedMax: 1_000,
  routedColumnsMax: 16,
  lingerMs: 60_000,
  tombstonesMax: 20_000,
  outsideRowsMax: 100_000,
};

/** Limits that can't be set. */
export const FIXED_VIEW_LIMITS = {
  /** Instructions of a compiled regex. A larger one is refused with `BAD_REGEX`. */
  regexProgramMax: 2_000,
} as const;

const RELATIONS: readonly LimitRelation<ViewLimits>[] = [
  ["identityShareMax", 1],
  [1, "fillStepRows"],
  [1, "rangeViewsOrderedMin"],
  [1, "windowStepsPerRowMax"],
];

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function viewLimits(given?: Partial<ViewLimits>): ViewLimits {
  return limitsOf("limits.views", VIEW_LIMITS, given, RELATIONS);
}
