/**
 * One history of commits that several nodes read, each with its own delay. It trims commits that
 * every reader has acknowledged and a checkpoint covers. It may lose its tail; then it continues as
 * another epoch.
 */
import type { Cancel, Clock } from "../src/std/clock.ts";
import { TidemarkError } from "../src/std/errors.ts";
import type { Commit, CommitDraft, Expectation, Log, LogReader } from "../src/log/log.ts";
import type { Checkpoint } from "../src/table/checkpoint.ts";

export interface SharedLogOptions {
  /** Makes the name of each epoch. */
  readonly nextEpoch: () => string;
  readonly onCommit?: (epoch: string, commit: Commit) => void;
  /** The epoch `before` continues as `after` from `seq` on; 0 when none of its commits are left. */
  readonly onEpoch?: (before: string, after: string, seq: number) => void;
}

export class SharedLog {
  readonly #options: SharedLogOptions;
  readonly #readers = new Set<NodeReader>();
  readonly #sourcePositions = new Map<string, string>();
  #commits: Commit[] = [];
  #trimmedTo = 0;
  #timeMs = 0;
  #checkpoint: Checkpoint | undefined;
  #epoch: string;

  constructor(options: SharedLogOptions) {
    this.#options = options;
    this.#epoch = options.nextEpoch();
  }

  get epoch(): string {
    return this.#epoch;
  }

  get head(): number {
    return this.#trimmedTo + this.#commits.length;
  }

  get trimmedTo(): number {
    return this.#trimmedTo;
  }

  /** @throws TidemarkError `SUPERSEDED` */
  append(draft: CommitDraft, nowMs: number, expect?: Expectation): number {
    if (expect !== undefined && this.#sourcePositions.get(expect.source) !== expect.sourcePosition)
      throw new TidemarkError(
        "SUPERSEDED",
        `"${expect.source}" does not stand at ${expect.sourcePosition}`,
      );
    this.#timeMs = Math.max(this.#timeMs, nowMs);
    const commit: Commit = { ...draft, seq: this.head + 1, timeMs: this.#timeMs };
    this.#commits.push(commit);
    if (draft.source !== undefined && draft.sourcePosition !== undefined)
      this.#sourcePositions.set(draft.source, draft.sourcePosition);
    this.#options.onCommit?.(this.#epoch, commit);
    for (const reader of this.#readers) reader.notice();
    return commit.seq;
  }

  sourcePositionOf(source: string): string | undefined {
    return this.#sourcePositions.get(source);
  }

  commitsAfter(seq: number, upTo: number): readonly Commit[] {
    return this.#commits.slice(seq - this.#trimmedTo, Math.max(0, upTo - this.#trimmedTo));
  }

  /** The newest checkpoint of an epoch. */
  checkpointOf(epoch: string): Checkpoint | undefined {
    return this.#checkpoint?.epoch === epoch ? this.#checkpoint : undefined;
  }

  /** Stores a checkpoint; later nodes do not need the commits that it covers. */
  keep(checkpoint: Checkpoint): void {
    if (checkpoint.epoch !== this.#epoch || checkpoint.seq <= (this.#checkpoint?.seq ?? 0)) return;
    this.#checkpoint = checkpoint;
    this.trim();
  }

  /** Trims up to the slowest reader, and never past the newest checkpoint. */
  trim(): void {
    let seq = this.#checkpoint?.seq ?? 0;
    for (const { acked } of this.#readers) seq = Math.min(seq, acked);
    if (seq <= this.#trimmedTo) return;
    this.#commits.splice(0, seq - this.#trimmedTo);
    this.#trimmedTo = seq;
  }

  /**
   * A failover to a copy without the newest commits: another epoch, with the same older commits.
   */
  loseTail(count: number): void {
    const keptTo = Math.max(this.#checkpoint?.seq ?? 0, this.#trimmedTo, this.head - count);
    this.#commits.length = keptTo - this.#trimmedTo;
    this.#begin(keptTo);
  }

  /** Loses all commits and checkpoints. */
  loseAll(): void {
    this.#commits = [];
    this.#trimmedTo = 0;
    this.#checkpoint = undefined;
    this.#begin(0);
  }

  add(reader: NodeReader): Cancel {
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
      this.trim();
    };
  }

  #begin(seq: number): void {
    const before = this.#epoch;
    this.#epoch = this.#options.nextEpoch();
    if (this.#checkpoint !== undefined)
      this.#checkpoint = { ...this.#checkpoint, epoch: this.#epoch };
    this.#sourcePositions.clear();
    for (const [source, position] of this.#checkpoint?.sourcePositions ?? [])
      this.#sourcePositions.set(source, position);
    for (const { source, sourcePosition } of this.#commits)
      if (source !== undefined && sourcePosition !== undefined)
        this.#sourcePositions.set(source, sourcePosition);
    this.#options.onEpoch?.(before, this.#epoch, seq);
    for (const reader of this.#readers) {
      this.#readers.delete(reader);
      reader.lose();
    }
  }
}

/** The log as one node sees it. */
export class NodeLog implements Log {
  readonly shared: SharedLog;
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  #isClosed = false;

  constructor(shared: SharedLog, clock: Clock, delayMs: () => number) {
    this.shared = shared;
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  get epoch(): string {
    return this.shared.epoch;
  }

  append(draft: CommitDraft, expect?: Expectation): Promise<number> {
    if (this.#isClosed) return Promise.reject(stopped());
    try {
      return Promise.resolve(this.shared.append(draft, this.#clock.now(), expect));
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  open(after: number): Promise<LogReader> {
    if (this.#isClosed) return Promise.reject(stopped());
    if (after < this.shared.trimmedTo)
      return Promise.reject(
        new TidemarkError("LOG_TRIMMED", `commits after ${this.shared.trimmedTo} only`),
      );
    const reader = new NodeReader(this.shared, this.#clock, this.#delayMs, after);
    return new Promise((resolve) => {
      this.#clock.after(this.#delayMs(), () => resolve(reader));
    });
  }

  close(): void {
    this.#isClosed = true;
  }
}

class NodeReader implements LogReader {
  readonly epoch: string;
  acked: number;
  readonly #shared: SharedLog;
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #arrivals = new Set<() => void>();
  readonly #losses = new Set<() => void>();
  readonly #remove: Cancel;
  #head: number;
  #isOver = false;

  constructor(shared: SharedLog, clock: Clock, delayMs: () => number, after: number) {
    this.epoch = shared.epoch;
    this.#shared = shared;
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.acked = after;
    this.#head = shared.head;
    this.#remove = shared.add(this);
  }

  get head(): number {
    return this.#head;
  }

  read(countMax: number): readonly Commit[] {
    return this.#isOver
      ? []
      : this.#shared.commitsAfter(this.acked, Math.min(this.#head, this.acked + countMax));
  }

  ack(seq: number): void {
    this.acked = Math.max(this.acked, seq);
    this.#shared.trim();
  }

  onAppend(listener: () => void): Cancel {
    this.#arrivals.add(listener);
    return () => this.#arrivals.delete(listener);
  }

  onLost(listener: () => void): Cancel {
    this.#losses.add(listener);
    // The reader was lost before anyone listened.
    if (this.#isOver) this.#clock.soon(() => this.#losses.has(listener) && listener());
    return () => this.#losses.delete(listener);
  }

  close(): void {
    this.#isOver = true;
    this.#losses.clear();
    this.#remove();
  }

  /** A commit was appended: this reader sees it after the node's delay. */
  notice(): void {
    const seq = this.#shared.head;
    this.#clock.after(this.#delayMs(), () => {
      if (this.#isOver || seq <= this.#head) return;
      this.#head = seq;
      for (const listener of this.#arrivals) listener();
    });
  }

  lose(): void {
    this.#isOver = true;
    this.#clock.after(this.#delayMs(), () => {
      for (const listener of this.#losses) listener();
    });
  }
}

function stopped(): TidemarkError {
  return new TidemarkError("STOPPED", "The log is closed.");
}
