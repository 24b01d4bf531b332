/**
 * What one user has seen of one row, judged when it is known where every write came to stand: never a
 * value that nobody wrote, never an older one after a newer one. What was refused does not count.
 */

/** A value that was shown, or undefined for no row. */
export type ShownValue = string | undefined;

/** What a key was at some time; undefined for not there. */
export interface Version {
  readonly value: ShownValue;
}

export interface RowHistory {
  /** The key's values in the order in which they were committed. */
  readonly history: readonly Version[];
  /** The user wrote this, and it may have been refused. */
  readonly isOwn: (value: string) => boolean;
  /** The user has asked for the row to go, and that may have been refused. */
  readonly wasRemovalRequested: boolean;
}

/** What is wrong with it, or undefined. */
export function checkHistory(
  values: readonly ShownValue[],
  { history, isOwn, wasRemovalRequested }: RowHistory,
): string | undefined {
  let rank = -1;
  for (const value of values) {
    if (value === undefined) {
      // Not there yet; or gone, at some time from here on.
      if (rank < 0 || history[rank]?.value === undefined || wasRemovalRequested) continue;
      const gone = history.findIndex(
        (version, index) => index > rank && version.value === undefined,
      );
      if (gone < 0) return `it was not gone after ${history[rank]?.value}`;
      rank = gone;
      continue;
    }
    const index = history.findIndex((version) => version.value === value);
    if (index < 0) {
      if (!isOwn(value)) return `nobody wrote ${value}`;
      continue;
    }
    if (index < rank) return `${value} is older than what was shown before`;
    rank = index;
  }
  return undefined;
}
