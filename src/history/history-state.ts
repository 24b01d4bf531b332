/** What the writer of a history store tells operators. */
export interface HistoryState {
  readonly status: "ok" | "retrying" | "full";
  /** Why the last write failed, while it is tried again. */
  readonly reason?: string;
  readonly durableSeq: number;
  readonly pendingRows: number;
  readonly pendingBytes: number;
  readonly spillBytes: number;
  /** Age of the oldest row that waits, in milliseconds. */
  readonly lagMs: number;
  /** Since the start. */
  readonly batches: number;
  readonly rows: number;
  readonly failures: number;
  readonly lastWriteMs: number;
}
