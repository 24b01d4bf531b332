/**
 * The contract of a source: it starts after its source position in the log, and appends a draft
 * for each step of the outside world: new and ended channels, rows, status and freshness. Its
 * context reports which views are watched and which commits are durable. One conformance suite
 * runs against every source.
 */
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { CommitDraft } from "../log/log.ts";
import type { Interest } from "./interest.ts";
import type { Writer } from "./writer.ts";

/** The logger of a source; a pino logger fits. */
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
  /**
   * The last source position in the log: start after it. Undefined when there is none yet. It moves
   * with each `append`.
   */
  readonly sourcePosition: string | undefined;
  /**
   * Appends and returns the seq; waits while the log is full. Drafts keep the order of the calls.
   * Channels in `declares` belong to the source from then on; `status` without channels is for all
   * of them.
   * @throws TidemarkError `BAD_OPTION` for a channel that another declares; `SUPERSEDED` when
   * another leader has appended for this source: stop; `LOG_FULL`, `STOPPED`
   */
  append(draft: SourceDraft): Promise<number>;
  /** Reports a table that is not served, with the reason, for operators. */
  refuse(refused: { readonly table: string; readonly reason: string }): void;
  /**
   * Resolves when a history store holds everything up to `seq`; at once where there is none.
   * Only the history store survives the process.
   */
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
   * What it does at present, for operators: `/stats` has it under the source's name. Plain data
   * with names in snake_case.
   */
  readonly stats?: object;
  /**
   * Resolves when the channels are declared and their first copies are appended; rejects when the
   * source can't work as it is configured. After that, the source reports failures by status and
   * tries again.
   */
  start(context: SourceContext): Promise<void>;
  /** Releases all resources. Safe to call at any time, also twice. */
  stop(): Promise<void>;
}
