/**
 * The contract of a source: it declares the channels it feeds, copies what there is, then appends
 * a commit for each step that the outside world takes, and says all the while how far it can be
 * trusted. One conformance suite runs against every source.
 */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { CommitDraft } from "../log/log.ts";
import type { ChannelDeclaration } from "../table/channel.ts";
import type { Writer } from "./writer.ts";

export type SourceStatus =
  | { readonly status: "live" }
  | { readonly status: "catching_up"; readonly reason?: string }
  /** What it feeds no longer follows; the reason is for people. */
  | { readonly status: "stale"; readonly reason: string };

export interface SourceContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Declares a channel. Before its first commit, and once per name over all sources. */
  declare(channel: ChannelDeclaration): void;
  /** Says that something it found is not served, and why, for people to see. */
  refuse(refused: { readonly table: string; readonly reason: string }): void;
  /** Appends and returns the seq; waits while the log is full. */
  append(draft: CommitDraft): Promise<number>;
  /** For all of the source's channels, or the named ones. Saying the same twice is not news. */
  setStatus(status: SourceStatus, channels?: readonly string[]): void;
  /** Everything up to this time has been read. From real reads only, also when nothing changed. */
  setAsOf(unixMs: number): void;
}

export interface Source {
  /** Unique in its server; WATERMARK's `as_of` carries it. */
  readonly name: string;
  /** Runs mutations, where the source takes writes. */
  readonly writer?: Writer;
  /**
   * Resolves when the channels are declared and their first copies are appended; rejects when the
   * source can't work as it is configured. What fails later is said by status and tried again.
   */
  start(context: SourceContext): Promise<void>;
  /** Lets go of everything. Safe to call at any time, also twice. */
  stop(): Promise<void>;
}
