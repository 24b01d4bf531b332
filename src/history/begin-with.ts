/** The content of a live table that begins with stored rows. */
import type { RowsCheckpoint } from "../table/change-ordered-rows.ts";
import type { StoredRow } from "./history.ts";

/** From the rows that `HistoryStore.newest` returns, as of a seq. */
export function beginWith(newestFirst: readonly StoredRow[], seq: number): RowsCheckpoint {
  const rows = newestFirst.toReversed();
  const byChange = [...rows.entries()].sort(([, left], [, right]) => left.seq - right.seq);
  return {
    builtSeq: seq,
    floor: seq,
    lastSeq: seq,
    rows,
    order: byChange.map(([index]) => index),
    tombstones: [],
  };
}
