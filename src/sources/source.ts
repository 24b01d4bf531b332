/**
 * The contract of a source: it starts after the position that the log knows of it, and appends a draft
 * for each step that the outside world takes: channels that come and go, rows, how far they can be
 * trusted, how fresh they are. It is told what is watched and what is durable. One conformance suite
 * runs against every source.
 */
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { CommitDraft } from "../log/log.ts";
import type { Interest } from "./interest.ts";
import type { Writer } from "./writer.ts";

/** For people who look for the cause of something; pino's loggers fit. */
export interface SourceLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type SourceDraft = Omit<CommitDraft, "source">;

export interface SourceContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: SourceLogger;
  /** Where the log says that this source stands: start after it. Undefined when it has said nothing yet. Moves with each `append`. */
  readonly sourcePosition: string | undefined;
  /**
   * Appends and returns the seq; waits while the log is full. Drafts keep the order of the calls. Names in
   * `declares` are the source's from then on; `status` without channels speaks for all of them.
   * @throws TidemarkError `BAD_OPTION` for a channel that another declares; `SUPERSEDED` when another leader
   * has spoken for this source: stop; `LOG_FULL`, `STOPPED`
   */
  append(draft: SourceDraft): Promise<number>;
  /** Says that something it found is not served, and why, for people to see. */
  refuse(refused: { readonly table: string; readonly reason: string }): void;
  /** Resolves when a history store holds everything up to `seq`; at once where there is none. Nothing else outlives a process. */
  durable(seq: number): Promise<void>;
  /** Which views of the source's channels are watched. */
  readonly interest: Interest;
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
