/** Ends a turn: every view of the session that is not listed in `behind` stands at `seq`. */
export interface Watermark {
  readonly op: "DISPATCH";
  readonly type: "WATERMARK";
  readonly seq: number;
  /** When the server cut this turn. */
  readonly server_time_unix_ms: number;
  /** Commit time of the oldest commit since the cut before; absent when there was none. */
  readonly oldest_commit_unix_ms?: number;
  /** Per source: the time up to which what it feeds is known to be complete. */
  readonly as_of: Readonly<Record<string, number>>;
  /** View ids that are still loading or held back; absent when none is. */
  readonly behind?: readonly string[];
}
