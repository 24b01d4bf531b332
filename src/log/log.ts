/**
 * The one ordered sequence of commits of a deployment. It carries everything that sources append:
 * rows, declarations, status, freshness and the source's own position, so that all readers know the
 * same at the same seq. A log gives each commit the next seq and keeps it until every reader has
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
 * What one commit does to one channel. A key stands in `upserts` or in `removes`, never in both.
 */
export interface ChannelChange {
  readonly channel: string;
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
  /** `upserts` is the channel's whole new content: what it does not name is removed. */
  readonly reload?: true;
  /** Rows of the whole table behind the channel, where the source knows it. */
  readonly total?: number;
}

/** Whether the rows of a source follow it. Reasons are for people. */
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
 * changes, status, source position and freshness. None of them is valid: a tick, or an empty
 * mutation.
 */
export interface CommitDraft {
  readonly changes: readonly ChannelChange[];
  /** The source that appends it; absent for the program's own channels. */
  readonly source?: string;
  /** What the source stores to continue after this commit, in its own format. */
  readonly sourcePosition?: string;
  /**
   * Channels that the source feeds from here on. A channel that is declared differently than before
   * begins anew, empty.
   */
  readonly declares?: readonly ChannelDeclaration[];
  /** Channels that no longer exist. */
  readonly drops?: readonly string[];
  readonly status?: readonly StatusChange[];
  /** Everything of the source up to this unix time is in the log. Alone at most once a second. */
  readonly asOfMs?: number;
}

export interface Commit extends CommitDraft {
  /** Positive, rising by one, never reused within the epoch. */
  readonly seq: number;
  /** Unix milliseconds, never falling from one commit to the next. */
  readonly timeMs: number;
}

/** What an appender believes its source stored last. */
export interface Expectation {
  readonly source: string;
  /** Undefined: the source has not stored a position yet. */
  readonly sourcePosition: string | undefined;
}

export interface Log {
  /**
   * The identity of this history. It changes while the log runs if the tail is lost; readers are
   * told.
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
   * A reader of the commits after `after`, once it knows of all that were appended before this
   * call.
   * @throws TidemarkError `LOG_TRIMMED` where they have been trimmed: begin with a checkpoint;
   * `STOPPED`
   */
  open(after: number): Promise<LogReader>;
  close(): void;
}

/** A node, a history writer, a replay: each at its own pace. */
export interface LogReader {
  /** The epoch that it reads. */
  readonly epoch: string;
  /** The seq of the newest commit that has arrived here. */
  readonly head: number;
  /** The commits after the last acknowledged one, in order: the same again until `ack`. */
  read(countMax: number): readonly Commit[];
  /**
   * This reader needs the commits up to `seq` no longer. The log trims below its slowest reader.
   */
  ack(seq: number): void;
  /** Called when commits have arrived. */
  onAppend(listener: () => void): Cancel;
  /**
   * The epoch has ended: its tail was lost, and another begins. Nothing more comes to this reader;
   * open anew, from 0 or a checkpoint of the new epoch.
   */
  onLost(listener: () => void): Cancel;
  close(): void;
}
