/**
 * The log of a single process. With a history store it continues above the store's seq. It keeps
 * the commits that some reader has not acknowledged, so `pendingRowsMax` bounds its memory. Every
 * start is a new epoch, and within an epoch nothing is ever lost.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import { logLimits, type LogLimits } from "./limits.ts";
import type { Commit, CommitDraft, Expectation, Log, LogReader } from "./log.ts";

interface Waiter {
  readonly draft: CommitDraft;
  readonly expect: Expectation | undefined;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: unknown) => void;
}

/** What a history store holds, and the log therefore continues from. */
export interface LogBeginning {
  readonly seq: number;
  /** The time of the commit at `seq`. */
  readonly timeMs: number;
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
}

export interface MemoryLogOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<LogLimits>;
  /**
   * Commits and readers wait until this resolves, and fail with its error. Default: the log begins
   * at once, with seq 1.
   */
  readonly begin?: Promise<LogBeginning>;
}

/** One reader and its progress in the log. */
interface Place {
  acked: number;
  readonly listeners: Set<() => void>;
}

export class MemoryLog implements Log {
  readonly epoch: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #readers = new Set<Place>();
  readonly #sourcePositions = new Map<string, string>();
  #commits: Commit[] = [];
  #waiters: Waiter[] = [];
  #head = 0;
  #timeMs = 0;
  #pendingRows = 0;
  #begun: Promise<void> | undefined;
  /** Why the log could not begin, or that it is closed. */
  #failure: unknown;

  constructor({ clock, random, limits, begin }: MemoryLogOptions) {
    this.epoch = random.id(12);
    this.#clock = clock;
    this.#limits = logLimits(limits);
    if (begin === undefined) return;
    this.#begun = begin.then(
      (beginning) => this.#begin(beginning),
      (error: unknown) => this.#fail(error),
    );
  }

  append(draft: CommitDraft, expect?: Expectation): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#begun === undefined && this.#hasRoom(draft) && this.#waiters.length === 0) {
      return this.#isAsExpected(expect)
        ? Promise.resolve(this.#place(draft))
        : Promise.reject(superseded(expect));
    }
    if (this.#waiters.length >= this.#limits.waitersMax) {
      return Promise.reject(
        new TidemarkError(
          "LOG_FULL",
          `${this.#waiters.length} commits already wait to be appended. Await each write before the next, or write more rows per commit.`,
        ),
      );
    }
    return new Promise((resolve, reject) => this.#waiters.push({ draft, expect, resolve, reject }));
  }

  async open(after: number): Promise<LogReader> {
    await this.#begun;
    if (this.#failure !== undefined) throw this.#failure;
    if (after < this.#trimmedTo) {
      throw new TidemarkError(
        "LOG_TRIMMED",
        `The log holds commits after ${this.#trimmedTo} only. Begin with a checkpoint at that seq or a later one.`,
      );
    }
    const place: Place = { acked: after, listeners: new Set() };
    this.#readers.add(place);
    return this.#readerAt(place);
  }

  close(): void {
    this.#fail(stopped());
  }

  #begin({ seq, timeMs, sourcePositions }: LogBeginning): void {
    this.#begun = undefined;
    this.#head = seq;
    this.#timeMs = timeMs;
    for (const [source, position] of sourcePositions) this.#sourcePositions.set(source, position);
    this.#admitWaiters();
  }

  #fail(error: unknown): void {
    this.#begun = undefined;
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }

  #readerAt(place: Place): LogReader {
    const head = (): number => this.#head;
    return {
      epoch: this.epoch,
      get head() {
        return head();
      },
      read: (countMax) => {
        const from = place.acked - this.#trimmedTo;
        return this.#commits.slice(from, from + countMax);
      },
      ack: (seq) => {
        place.acked = Math.max(place.acked, seq);
        this.#trim();
      },
      onAppend: (listener): Cancel => {
        place.listeners.add(listener);
        return () => place.listeners.delete(listener);
      },
      // An epoch in memory lasts as long as its process, so the callback is never called.
      onLost: () => () => {},
      close: () => {
        this.#readers.delete(place);
        this.#trim();
      },
    };
  }

  /** The seq up to which commits have been trimmed. */
  get #trimmedTo(): number {
    return this.#head - this.#commits.length;
  }

  #isAsExpected(expect: Expectation | undefined): boolean {
    return (
      expect === undefined || this.#sourcePositions.get(expect.source) === expect.sourcePosition
    );
  }

  #hasRoom(draft: CommitDraft): boolean {
    return (
      this.#pendingRows === 0 || this.#pendingRows + rowsOf(draft) <= this.#limits.pendingRowsMax
    );
  }

  #place(draft: CommitDraft): number {
    this.#timeMs = Math.max(this.#timeMs, this.#clock.now());
    const commit: Commit = { ...draft, seq: ++this.#head, timeMs: this.#timeMs };
    if (draft.source !== undefined && draft.sourcePosition !== undefined)
      this.#sourcePositions.set(draft.source, draft.sourcePosition);
    this.#commits.push(commit);
    this.#pendingRows += rowsOf(commit);
    for (const { listeners } of this.#readers) for (const listener of listeners) listener();
    return commit.seq;
  }

  /** Without a reader all commits are kept, for the first reader. */
  #trim(): void {
    if (this.#readers.size === 0) return;
    let slowest = this.#head;
    for (const { acked } of this.#readers) slowest = Math.min(slowest, acked);
    const count = slowest - this.#trimmedTo;
    if (count <= 0) return;
    for (const commit of this.#commits.splice(0, count)) this.#pendingRows -= rowsOf(commit);
    this.#admitWaiters();
  }

  #admitWaiters(): void {
    for (
      let waiter = this.#waiters[0];
      waiter !== undefined && this.#hasRoom(waiter.draft);
      waiter = this.#waiters[0]
    ) {
      this.#waiters.shift();
      if (this.#isAsExpected(waiter.expect)) waiter.resolve(this.#place(waiter.draft));
      else waiter.reject(superseded(waiter.expect));
    }
  }
}

function rowsOf(draft: CommitDraft): number {
  let rows = 1;
  for (const change of draft.changes) rows += change.upserts.length + change.removes.length;
  return rows;
}

function stopped(): TidemarkError {
  return new TidemarkError("STOPPED", "The log is closed; nothing was appended.");
}

function superseded(expect: Expectation | undefined): TidemarkError {
  return new TidemarkError(
    "SUPERSEDED",
    `Source "${expect?.source ?? ""}" has stored another source position than this appender expects: another leader appends for it now. Nothing was appended.`,
  );
}
