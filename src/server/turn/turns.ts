/**
 * The flush. It advances the replica to one seq H, then serves each session whose views
 * changed, in slices of a few milliseconds between which the event loop runs. Until all are
 * served, commits wait in the log, so every session of the flush gets the state at H:
 *
 *   resting ──commit──▶ applying (slices) ──▶ serving (slices) ──▶ resting
 *                                                └─ longer than flushIntervalMaxMs: overrun, next
 * flush
 *
 * Sessions that subscribe or drain are served at H as well, at the front of the queue.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Replica } from "../../table/replica.ts";
import type { ServerLimits } from "../limits.ts";
import type { LogFollower } from "../log-follower.ts";
import type { Session } from "./session.ts";
import type { Subscribers } from "./subscribers.ts";
import type { TurnWriter } from "./turn-writer.ts";

export interface FlushReport {
  /** From the tables' arrival at H to the last session served. */
  readonly servingMs: number;
  /**
   * From the oldest commit of the flush to the last session served; undefined for a flush without
   * commits.
   */
  readonly dispatchMs: number | undefined;
  readonly sessions: number;
  readonly isOverrun: boolean;
}

export interface TurnsOptions {
  readonly clock: Clock;
  readonly follower: LogFollower;
  readonly replica: Replica;
  readonly writer: TurnWriter;
  readonly limits: ServerLimits;
  readonly subscribers: Subscribers;
  readonly onFlush: (report: FlushReport) => void;
}

type State = "resting" | "applying" | "serving";

export class Turns {
  readonly #options: TurnsOptions;
  readonly #appliedListeners = new Set<() => void>();
  #state: State = "resting";
  #queue: Session[] = [];
  #next = 0;
  #urgent: Session[] = [];
  #flushAtMs = Number.NEGATIVE_INFINITY;
  /**
   * The last flush that served a session: a flush without sessions to serve does not delay the
   * next.
   */
  #servedFlushAtMs = Number.NEGATIVE_INFINITY;
  #targetSeq = 0;
  #oldestCommitMs: number | undefined;
  #served = 0;
  #timer: Cancel | undefined;
  #step: Cancel | undefined;
  #isStopped = false;
  /** The next flush became due while sessions were served: it begins with the next step. */
  #isDue = false;
  #intervalMs: number;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#intervalMs = options.limits.flushIntervalMs;
  }

  /** The present time between flushes: `flushIntervalMs`, or longer under load. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Sessions that wait to be served. */
  get backlog(): number {
    return this.#queue.length - this.#next + this.#urgent.length;
  }

  /** Calls back when the tables have moved to a new seq, before any session is served at it. */
  onApplied(listener: () => void): void {
    this.#appliedListeners.add(listener);
  }

  /** Notifies that the log has grown, or that a table of the node's own has changed. */
  newsArrived(): void {
    if (this.#isStopped || this.#state !== "resting" || this.#timer !== undefined) return;
    const { clock } = this.#options;
    const waitMs = this.#servedFlushAtMs + this.#intervalMs - clock.monotonic();
    const begin = (): void => {
      this.#timer = undefined;
      if (this.#state === "resting") this.#beginFlush();
      else this.#isDue = true;
    };
    this.#timer = waitMs > 0 ? clock.after(waitMs, begin) : clock.soon(begin);
  }

  /**
   * Serves a session at the present seq, before those that wait for changes: it has no rows yet.
   */
  serveSoon(session: Session): void {
    if (session.isQueued || this.#isStopped) return;
    session.isQueued = true;
    this.#urgent.push(session);
    this.#startServing();
  }

  /** Serves a session after those already waiting. */
  serve(session: Session): void {
    if (session.isQueued || this.#isStopped) return;
    session.isQueued = true;
    this.#queue.push(session);
    this.#startServing();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.();
    this.#step?.();
    this.#queue = [];
    this.#urgent = [];
  }

  /** Commits have arrived that this flush does not hold. */
  get #hasNews(): boolean {
    return this.#options.follower.head > this.#options.replica.seq;
  }

  #beginFlush(): void {
    this.#state = "applying";
    this.#isDue = false;
    this.#targetSeq = this.#options.follower.head;
    this.#oldestCommitMs = undefined;
    this.#apply();
  }

  /** Applies commits up to the target, a slice at a time. No session is served meanwhile. */
  #apply(): void {
    const { clock, follower, replica, limits } = this.#options;
    const endMs = clock.monotonic() + limits.sliceMs;
    while (replica.seq < this.#targetSeq) {
      const commits = follower.read(limits.commitsPerReadMax);
      // The epoch has ended meanwhile.
      if (commits.length === 0) break;
      for (const commit of commits) {
        if (commit.seq > this.#targetSeq) break;
        replica.apply(commit);
        if (commit.changes.length > 0) this.#oldestCommitMs ??= commit.timeMs;
        if (clock.monotonic() >= endMs) break;
      }
      follower.applied();
      if (replica.seq < this.#targetSeq && clock.monotonic() >= endMs) {
        this.#step = clock.soon(() => this.#apply());
        return;
      }
    }
    this.#beginServing();
  }

  #beginServing(): void {
    const { clock, replica, writer, subscribers } = this.#options;
    for (const listener of this.#appliedListeners) listener();
    this.#flushAtMs = clock.monotonic();
    this.#served = 0;
    writer.beginFlush(this.#oldestCommitMs);
    this.#state = "serving";
    for (const view of replica.takeDirty()) {
      for (const session of subscribers.of(view)) {
        if (session.isQueued) continue;
        session.isQueued = true;
        this.#queue.push(session);
      }
    }
    this.#serveSlice();
  }

  #startServing(): void {
    if (this.#state !== "resting") return;
    this.#state = "serving";
    this.#served = 0;
    this.#step = this.#options.clock.soon(() => this.#serveSlice());
  }

  #serveSlice(): void {
    const { clock, limits } = this.#options;
    const startMs = clock.monotonic();
    let nowMs = startMs;
    for (;;) {
      const session = this.#urgent.shift() ?? this.#queue[this.#next++];
      if (session === undefined) break;
      this.#serveOne(session, nowMs);
      nowMs = clock.monotonic();
      if (this.#isDue || (nowMs - this.#flushAtMs > limits.flushIntervalMaxMs && this.#hasNews)) {
        return this.#finish(true);
      }
      if (nowMs - startMs >= limits.sliceMs) {
        this.#step = clock.soon(() => this.#serveSlice());
        return;
      }
    }
    this.#finish(false);
  }

  #serveOne(session: Session, nowMs: number): void {
    session.isQueued = false;
    if (session.state.kind !== "open") return;
    this.#served++;
    if (this.#options.writer.write(session, nowMs) || session.isBlocked) return;
    session.isBlocked = true;
    session.transport.onceFlushed(() => {
      session.isBlocked = false;
      this.serve(session);
    });
  }

  /** Ends a flush. After an overrun the sessions not yet served come first in the next. */
  #finish(isOverrun: boolean): void {
    const { clock, onFlush } = this.#options;
    const servingMs = clock.monotonic() - this.#flushAtMs;
    this.#queue = isOverrun ? this.#queue.slice(this.#next) : [];
    this.#next = 0;
    this.#state = "resting";
    if (this.#served > 0) this.#servedFlushAtMs = this.#flushAtMs;
    if (this.#served > 0 && this.#oldestCommitMs !== undefined) {
      this.#intervalMs = this.#nextIntervalMs(servingMs);
      onFlush({
        servingMs,
        dispatchMs: clock.now() - this.#oldestCommitMs,
        sessions: this.#served,
        isOverrun,
      });
      this.#oldestCommitMs = undefined;
    }
    if (this.#isDue) this.#beginFlush();
    else if (this.#hasNews) this.newsArrived();
    else if (this.backlog > 0) this.#startServing();
  }

  /**
   * Shortest while it is quiet. Under load longer, for fewer and larger deltas: a write costs much
   * more than a row in it.
   */
  #nextIntervalMs(servingMs: number): number {
    const { limits } = this.#options;
    if (!this.#hasNews) return limits.flushIntervalMs;
    const restMs = Math.min(limits.flushRestMsMax, servingMs / limits.flushShareMax - servingMs);
    return Math.max(limits.flushIntervalMs, servingMs + restMs);
  }
}
