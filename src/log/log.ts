/**
 * The one ordered sequence of commits of a deployment. It carries everything that a source says: rows,
 * declarations, status, freshness and the source's own position, so that whoever reads it in order knows the
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

/** How far what a source feeds can be trusted. Reasons are for people. */
export type SourceStatus =
  | { readonly status: "live" }
  | { readonly status: "catching_up"; readonly reason?: string }
  /** What it feeds no longer follows. */
  | { readonly status: "stale"; readonly reason: string };

export interface StatusChange {
  /** Default: all channels of the commit's source. */
  readonly channels?: readonly string[];
  readonly status: SourceStatus;
}

/**
 * An atomic step, before it has a place. Readers apply its parts in this order: drops, declarations,
 * changes, status, source position and freshness. None of them is valid: a tick, or an empty mutation.
 */
export interface CommitDraft {
  readonly changes: readonly ChannelChange[];
  /** Who says it; absent for the program's own channels. */
  readonly source?: string;
  /** Where the source stands after it, in its own words. */
  readonly sourcePosition?: string;
  /** Channels that the source feeds from here on. One that is declared otherwise than before begins anew, empty. */
  readonly declares?: readonly ChannelDeclaration[];
  /** Channels that are there no longer. */
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

/** Where an appender believes that its source stands. */
export interface Expectation {
  readonly source: string;
  /** Undefined: the source has not stored a position yet. */
  readonly sourcePosition: string | undefined;
}

export interface Log {
  /** The identity of this history. It changes while running when its tail is lost; readers are told. */
  readonly epoch: string;
  /**
   * Appends and returns the seq. Waits while the log is full of commits that a reader has not acknowledged.
   * @throws TidemarkError `SUPERSEDED` where the source does not stand as expected: another leader speaks for
   * it, and nothing was appended; `LOG_FULL` when too many already wait; `STOPPED` after `close`
   */
  append(draft: CommitDraft, expect?: Expectation): Promise<number>;
  /**
   * A reader of the commits after `after`, once it knows of all that were appended before this call.
   * @throws TidemarkError `LOG_TRIMMED` where they have been trimmed: begin with a checkpoint; `STOPPED`
   */
  open(after: number): Promise<LogReader>;
  close(): void;
}

/** A node, a history writer, a replay: each at its own pace. */
export interface LogReader {
  /** Of the history that it reads. */
  readonly epoch: string;
  /** The seq of the newest commit that has arrived here. */
  readonly head: number;
  /** What has arrived after the last acknowledged commit, in order: the same again until `ack`. */
  read(countMax: number): readonly Commit[];
  /** Commits up to `seq` are not needed here any more. The log trims below its slowest reader. */
  ack(seq: number): void;
  /** Called when commits have arrived. */
  onAppend(listener: () => void): Cancel;
  /** The history has ended: its tail was lost, and another begins. Nothing more comes here; open anew, from 0 or a checkpoint of the new epoch. */
  onLost(listener: () => void): Cancel;
  close(): void;
}
