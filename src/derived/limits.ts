/** Limits of derived tables, with what happens when one is full. */

export const DERIVED_LIMITS = {
  /**
   * Groups of one derived table; `groupsMax` of its declaration. Full: the table keeps its last
   * rows and is stale with `GROUPS_FULL` in its reason. Default 100,000.
   */
  groupsMax: 100_000,
  /** Rows of a derived table with `orderBy` and `limit`: a larger limit stops the start. */
  limitMax: 10_000,
  /** Digits after the point of an average of decimals. The last one is rounded half up. */
  averageDigits: 16,
} as const;
