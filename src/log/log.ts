/**
 * The one ordered sequence of commits of a deployment. It carries everything that sources append:
 * rows, declarations, status, freshness and source positions, so that all readers have the same
 * state at the same seq. A log gives each commit the next seq and keeps it until every reader has
 * acknowledged it. Every implementation passes `conformance.ts`.
 */
import type { Cancel } from "../std/clock.ts";
import type { Row } from "../protocol/row.ts";
import type { ChannelDeclaration } from "./channel.ts";

export interface KeyedRow {
  readonly key: string;
  readonly row: Row;
  /** The row exactly as `JSON.stringify` writes it, where the source has that text already. */
  readonly json?: string;
}

/**
 * What one commit does to one channel. A key is in `upserts` or in `removes`, never in both.
 */
export interface ChannelChange {
  readonly channel: string;
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
  /** `upserts` is the channel's whole new content: all other rows are removed. */
  readonly reload?: true;
  /** Rows of the whole table behind the channel, where the source knows it. */
  readonly total?: number;
}

/** Whether a source's channels follow it. Reasons are texts for people. */
export type SourceStatus =
  | { readonly status: "live" }
  | { readonly status: "catching_up"; readonly reason?: string }
  /** The channels no longer follow their source. */
  | { readonly status: "stale"; readonly reason: string };

export interface StatusChange {
  /** Default: all channels of the commit's source. */
  readonly channels?: readonly string[];
  readonly status: SourceStatus;
}

/**
 * An atomic step, before it has a seq. Readers apply its parts in this order: drops, declarations,
 * changes, status, source position and freshness. A draft without any part is valid: a tick, or an
 * empty mutation.
 */
export interface CommitDraft {
  readonly changes: readonly ChannelChange[];
  /** The source that appends it; absent for the program's own channels. */
  readonly source?: string;
  /** The source position from which the source continues after this commit, in its own format. */
  readonly sourcePosition?: string;
  /**
   * Channels that the source feeds from here on. A channel that is declared differently than before
   * begins anew, empty.
   */
  readonly declares?: readonly ChannelDeclaration[];
  /** Channels that no longer exist. */
  readonly drops?: readonly string[];
  readonly status?: readonly StatusChange[];
  /**
   * Everything of the source up to this time, in Unix milliseconds, is in the log. A draft with
   * nothing else is appended at most once a second.
   */
  readonly asOfMs?: number;
  /**
   * Everything up to this seq outlasts the server's process: the history store holds it, or the
   * file in which rows wait for the store (`history/spill.ts`). Channels with history evict no
   * newer rows.
   */
  readonly durableSeq?: number;
  /** From here on the rows of all tables may take so many bytes together (`memory-budget.ts`). */
  readonly tablesBytesMax?: number;
  /** Ids of ingest requests whose rows this commit carries, so that a repeat is recognised. */
  readonly requestIds?: readonly string[];
}

export interface Commit extends CommitDraft {
  /** Positive, rising by one (a replay leaves out some), never reused within the epoch. */
  readonly seq: number;
  /** Unix milliseconds, never falling from one commit to the next. */
  readonly timeMs: number;
  /** The seq of the commit before it, in a log that leaves out commits. Default: one less. */
  readonly previousSeq?: number;
}

/** The source position that an appender expects to be its source's last. */
export interface Expectation {
  readonly source: string;
  /** Undefined: the source has not stored a source position yet. */
  readonly sourcePosition: string | undefined;
}

export interface Log {
  /**
   * The identity of this history. It changes while the log runs if the tail is lost; readers are
   * notified.
   */
  readonly epoch: string;
  /**
   * Appends and returns the seq. Waits while the log is full of commits that a reader has not
   * acknowledged.
   * @throws TidemarkError `SUPERSEDED` when another leader has appended for the source:
   * nothing was appended; `LOG_FULL` when too many already wait; `STOPPED` after `close`
   */
  append(draft: CommitDraft, expect?: Expectation): Promise<number>;
  /**
   * A reader of the commits after `after`. Resolves when the reader knows of all commits appended
   * before this call.
   * @throws TidemarkError `LOG_TRIMMED` where these commits have been trimmed: begin with a
   * checkpoint; `STOPPED`
   */
  open(after: number): Promise<LogReader>;
  close(): void;
}

/** Reads the commits for a node, a history writer or a replay, each at its own pace. */
export interface LogReader {
  /** The epoch of this reader. */
  readonly epoch: string;
  /** The seq of the newest commit that has arrived here. */
  readonly head: number;
  /** The commits after the last acknowledged one, in order: the same ones until `ack`. */
  read(countMax: number): readonly Commit[];
  /**
   * This reader needs the commits up to `seq` no longer. The log trims below its slowest reader.
   */
  ack(seq: number): void;
  /** Called when commits have arrived. */
  onAppend(listener: () => void): Cancel;
  /**
   * The epoch has ended: its tail was lost, and another begins. This reader gets no more commits;
   * open another, from 0 or a checkpoint of the new epoch.
   */
  onLost(listener: () => void): Cancel;
  close(): void;
}
