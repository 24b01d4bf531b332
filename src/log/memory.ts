/**
 * The log of a single process. It holds only what has not been applied yet, so its memory is
 * bounded by `pendingRowsMax`; every start is a new epoch.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import { LOG_LIMITS, type LogLimits } from "./limits.ts";
import type { Commit, CommitDraft, Log } from "./log.ts";

interface Waiter {
  readonly draft: CommitDraft;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: TidemarkError) => void;
}

export interface MemoryLogOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<LogLimits>;
}

export class MemoryLog implements Log {
  readonly epoch: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #listeners = new Set<() => void>();
  #commits: Commit[] = [];
  #waiters: Waiter[] = [];
  #head = 0;
  #timeMs = 0;
  #pendingRows = 0;
  #closed = false;

  constructor({ clock, random, limits }: MemoryLogOptions) {
    this.epoch = random.id(12);
    this.#clock = clock;
    this.#limits = { ...LOG_LIMITS, ...limits };
  }

  get head(): number {
    return this.#head;
  }

  append(draft: CommitDraft): Promise<number> {
    if (this.#closed) return Promise.reject(stopped());
    if (this.#hasRoom(draft) && this.#waiters.length === 0) return Promise.resolve(this.#place(draft));
    if (this.#waiters.length >= this.#limits.waitersMax) {
      return Promise.reject(
        new TidemarkError(
          "LOG_FULL",
          `${this.#waiters.length} commits already wait to be appended. Await each write before the next, or write more rows per commit.`,
        ),
      );
    }
    return new Promise((resolve, reject) => this.#waiters.push({ draft, resolve, reject }));
  }

  read(seq: number, countMax: number): readonly Commit[] {
    const first = this.#commits[0]?.seq ?? this.#head + 1;
    const from = Math.max(0, seq + 1 - first);
    return this.#commits.slice(from, from + countMax);
  }

  trim(seq: number): void {
    let count = 0;
    for (const commit of this.#commits) {
      if (commit.seq > seq) break;
      this.#pendingRows -= rowsOf(commit);
      count++;
    }
    this.#commits.splice(0, count);
    this.#admitWaiters();
  }

  onAppend(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(stopped());
  }

  #hasRoom(draft: CommitDraft): boolean {
    return this.#pendingRows === 0 || this.#pendingRows + rowsOf(draft) <= this.#limits.pendingRowsMax;
  }

  #place(draft: CommitDraft): number {
    this.#timeMs = Math.max(this.#timeMs, this.#clock.now());
    const commit: Commit = { ...draft, seq: ++this.#head, timeMs: this.#timeMs };
    this.#commits.push(commit);
    this.#pendingRows += rowsOf(commit);
    for (const listener of this.#listeners) listener();
    return commit.seq;
  }

  #admitWaiters(): void {
    let admitted = 0;
    for (const waiter of this.#waiters) {
      if (!this.#hasRoom(waiter.draft)) break;
      admitted++;
      waiter.resolve(this.#place(waiter.draft));
    }
    this.#waiters.splice(0, admitted);
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
