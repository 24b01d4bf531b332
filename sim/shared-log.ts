/**
 * One history of commits that several nodes read, each with a delay of its own. Losing it begins a new
 * epoch. It keeps everything, so that a node that starts again reads it from the beginning.
 */
import type { Cancel, Clock } from "../src/std/clock.ts";
import { TidemarkError } from "../src/std/errors.ts";
import type { Commit, CommitDraft, Log } from "../src/log/log.ts";

export class SharedLog {
  readonly epoch: string;
  readonly commits: Commit[] = [];
  readonly #readers = new Set<NodeLog>();
  readonly #onCommit: (commit: Commit) => void;
  #timeMs = 0;

  constructor(epoch: string, onCommit: (commit: Commit) => void) {
    this.epoch = epoch;
    this.#onCommit = onCommit;
  }

  append(draft: CommitDraft, nowMs: number): number {
    this.#timeMs = Math.max(this.#timeMs, nowMs);
    const commit: Commit = { ...draft, seq: this.commits.length + 1, timeMs: this.#timeMs };
    this.commits.push(commit);
    this.#onCommit(commit);
    for (const reader of this.#readers) reader.notice();
    return commit.seq;
  }

  reader(clock: Clock, delayMs: () => number): NodeLog {
    const reader = new NodeLog(this, clock, delayMs, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    reader.notice();
    return reader;
  }
}

/** The log as one node sees it. */
export class NodeLog implements Log {
  readonly epoch: string;
  readonly #shared: SharedLog;
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #onClose: () => void;
  readonly #listeners = new Set<() => void>();
  #head = 0;
  #isClosed = false;

  constructor(shared: SharedLog, clock: Clock, delayMs: () => number, onClose: () => void) {
    this.epoch = shared.epoch;
    this.#shared = shared;
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#onClose = onClose;
  }

  get head(): number {
    return this.#head;
  }

  append(draft: CommitDraft): Promise<number> {
    if (this.#isClosed) return Promise.reject(new TidemarkError("STOPPED", "The log is closed."));
    return Promise.resolve(this.#shared.append(draft, this.#clock.now()));
  }

  read(seq: number, countMax: number): readonly Commit[] {
    return this.#shared.commits.slice(seq, Math.min(this.#head, seq + countMax));
  }

  trim(): void {
    // Kept for nodes that start again.
  }

  onAppend(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose();
  }

  /** Something was appended: it is seen here after this node's delay. */
  notice(): void {
    const seq = this.#shared.commits.length;
    this.#clock.after(this.#delayMs(), () => {
      if (this.#isClosed || seq <= this.#head) return;
      this.#head = seq;
      for (const listener of this.#listeners) listener();
    });
  }
}
