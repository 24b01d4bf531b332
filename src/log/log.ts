/**
 * The one ordered sequence of commits of a deployment. A log gives each commit the next seq,
 * keeps it until every reader has applied it, and hands commits out in order. Every
 * implementation passes `conformance.ts`.
 */
import type { Cancel } from "../std/clock.ts";
import type { Row } from "../protocol/row.ts";

export interface KeyedRow {
  readonly key: string;
  readonly row: Row;
}

/** What one commit does to one channel. A key stands in `upserts` or in `removes`, never in both. */
export interface ChannelChange {
  readonly channel: string;
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
  /** `upserts` is the channel's whole new content: what it does not name is removed. */
  readonly reload?: true;
  /** Rows of the whole table behind the channel, where the source knows it. */
  readonly total?: number;
}

/** An atomic set of changes, before it has a place. No changes is valid: a tick, or an empty mutation. */
export interface CommitDraft {
  readonly changes: readonly ChannelChange[];
  /** Where its source stands after it, in the source's own words. */
  readonly position?: string;
  /** Whose position that is. */
  readonly source?: string;
}

export interface Commit extends CommitDraft {
  /** Positive, rising by one, never reused within the epoch. */
  readonly seq: number;
  /** Unix milliseconds, never falling from one commit to the next. */
  readonly timeMs: number;
}

export interface Log {
  /** The identity of this history. In another epoch old positions mean nothing. */
  readonly epoch: string;
  /** The seq of the newest commit, 0 before the first. */
  readonly head: number;
  /**
   * Appends and returns the seq. Waits while the log is full of commits not yet applied.
   * @throws TidemarkError `LOG_FULL` when too many already wait, `STOPPED` after `close`
   */
  append(draft: CommitDraft): Promise<number>;
  /** Commits after `seq`, in order, at most `countMax`. */
  read(seq: number, countMax: number): readonly Commit[];
  /** Says that commits up to `seq` have been applied and need not be kept. */
  trim(seq: number): void;
  /** Called after each append. */
  onAppend(listener: () => void): Cancel;
  close(): void;
}
