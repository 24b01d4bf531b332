/**
 * Checks what one user saw of one row, once the order of all writes is known: never a value that
 * nobody wrote, and never an older value after a newer one. Values of refused writes do not count.
 */

/** A value that was shown; undefined where there was no row. */
export type ShownValue = string | undefined;

/** A committed value of a key; undefined where there was no row. */
export interface Version {
  readonly value: ShownValue;
}

export interface RowHistory {
  /** The values of the key, in the order of their commits. */
  readonly history: readonly Version[];
  /** Whether the user wrote this value, which the server may have refused. */
  readonly isOwn: (value: string) => boolean;
  /** Whether the user asked to remove the row, which the server may have refused. */
  readonly wasRemovalRequested: boolean;
}

/** Says what is wrong; undefined when all is right. */
export function checkHistory(
  values: readonly ShownValue[],
  { history, isOwn, wasRemovalRequested }: RowHistory,
): string | undefined {
  let rank = -1;
  for (const value of values) {
    if (value === undefined) {
      // The row is not there yet, or it was removed after the last value seen.
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
