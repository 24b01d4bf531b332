/**
 * The flush. It advances the replica to one seq H, queues each session whose views changed, and
 * serves the queue in slices of a few milliseconds between which the event loop runs. Commits that
 * arrive meanwhile wait in the log for the end of the slice; then the next flush begins, and
 * sessions that still wait get both in one turn:
 *
 *   resting ──news, or a session──▶ working (slices: apply, or serve) ──▶ resting
 *                                      │  ▲
 *                                      ▼  │ the pace allows it, or a session is urgent
 *                                     pausing
 *
 * A session's turn is always for the seq of the flush in which it is served. Sessions wait in
 * order, so none waits longer than a round; those that subscribe go to the front.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Replica } from "../../table/replica.ts";
import { FIXED_LIMITS, type ServerLimits } from "../limits.ts";
import type { LogFollower } from "../log-follower.ts";
import { FlushPace } from "./flush-pace.ts";
import type { Session } from "./session.ts";
import type { Subscribers } from "./subscribers.ts";
import type { TurnWriter } from "./turn-writer.ts";

export interface FlushReport {
  /** From the tables' arrival at H to the last session served at H. */
  readonly servingMs: number;
  /** From the oldest commit for which a session waited to the last session served at H. */
  readonly dispatchMs: number;
  readonly sessions: number;
  /** A session waited longer than `flushIntervalMaxMs`. */
  readonly isOverrun: boolean;
}

export interface TurnsOptions {
  readonly clock: Clock;
  readonly follower: Pick<LogFollower, "head" | "read" | "applied">;
  readonly replica: Pick<Replica, "seq" | "applyToTables" | "follow" | "takeDirty">;
  readonly writer: Pick<TurnWriter, "beginFlush" | "write">;
  readonly limits: ServerLimits;
  readonly subscribers: Pick<Subscribers, "of">;
  readonly onFlush: (report: FlushReport) => void;
}

type State = "resting" | "pausing" | "working";

export class Turns {
  readonly #options: TurnsOptions;
  readonly #pace: FlushPace;
  readonly #appliedListeners = new Set<() => void>();
  #state: State = "resting";
  /** The next slice, or the end of the pause. */
  #step: Cancel | undefined;
  #isStopped = false;
  /** News has arrived that no flush holds. */
  #hasArrivals = false;
  #targetSeq = 0;
  #pauseEndMs = 0;
  #urgent: Session[] = [];
  #queue: Session[] = [];
  #next = 0;
  /** Where the sessions end that waited when the round began; 0 between rounds. */
  #roundEnd = 0;
  /** A round has taken longer than `flushIntervalMaxMs`. */
  #isOverrun = false;
  /** When the present flush began to serve, and what it has served. */
  #flushAtMs = 0;
  #served = 0;
  /** So many sessions are served before the next flush begins, which has its own cost. */
  #servedMin = 0;
  #oldestCommitMs: number | undefined;
  #oldestServedMs = Number.POSITIVE_INFINITY;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#pace = new FlushPace(options.limits);
  }

  /** The present time between two turns of a session; it grows under load. */
  get intervalMs(): number {
    return Math.max(this.#options.limits.flushIntervalMs, this.#pace.roundMs);
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
    this.#hasArrivals = true;
    this.#wake();
  }

  /**
   * Serves a session at the present seq, before those that wait for changes: it has no rows yet.
   */
  serveSoon(session: Session): void {
    this.#enqueue(session, this.#urgent);
  }

  /** Serves a session after those already waiting. */
  serve(session: Session): void {
    this.#enqueue(session, this.#queue);
  }

  stop(): void {
    this.#isStopped = true;
    this.#step?.();
    this.#queue = [];
    this.#urgent = [];
  }

  #enqueue(session: Session, queue: Session[]): void {
    if (session.isQueued || this.#isStopped) return;
    session.isQueued = true;
    queue.push(session);
    this.#wake();
  }

  get #hasNews(): boolean {
    const { follower, replica } = this.#options;
    return this.#hasArrivals || follower.head > replica.seq;
  }

  get #isQueueEmpty(): boolean {
    return this.#next === this.#queue.length;
  }

  /** Milliseconds until the queue may be served, or until the flush of what has arrived. */
  #waitMs(nowMs: number): number {
    return this.#isQueueEmpty ? this.#pace.flushWaitMs(nowMs) : this.#pace.serveWaitMs(nowMs);
  }

  /** Continues when the pace allows it; at once if a session is urgent. */
  #wake(): void {
    if (this.#isStopped || this.#state === "working") return;
    const { clock } = this.#options;
    const nowMs = clock.monotonic();
    const waitMs = this.#urgent.length > 0 ? 0 : this.#waitMs(nowMs);
    if (this.#state === "pausing" && nowMs + waitMs >= this.#pauseEndMs) return;
    this.#step?.();
    if (waitMs > 0) {
      this.#state = "pausing";
      this.#pauseEndMs = nowMs + waitMs;
      this.#step = clock.after(waitMs, () => {
        this.#state = "resting";
        this.#wake();
      });
    } else {
      this.#state = "working";
      this.#step = clock.soon(() => this.#work());
    }
  }

  #work(): void {
    const mayServe = this.#waitMs(this.#options.clock.monotonic()) <= 0;
    const isFlushDue = this.#hasNews && (this.#isQueueEmpty || this.#served >= this.#servedMin);
    if (mayServe && isFlushDue) this.#beginFlush();
    else this.#serveSlice(mayServe);
  }

  #beginFlush(): void {
    this.#endFlush();
    this.#hasArrivals = false;
    this.#targetSeq = this.#options.follower.head;
    this.#apply();
  }

  /**
   * Applies commits up to the target, a slice at a time. No session is served meanwhile, so none is
   * served what its views have not reached.
   */
  #apply(): void {
    const { clock, limits } = this.#options;
    const endMs = clock.monotonic() + limits.sliceMs;
    const isOver = (): boolean => clock.monotonic() >= endMs;
    if (this.#applyUntil(isOver)) this.#beginServing();
    else this.#step = clock.soon(() => this.#apply());
  }

  /** Returns whether tables and views are at the target, or can't reach it any more. */
  #applyUntil(isOver: () => boolean): boolean {
    const { follower, replica, limits } = this.#options;
    while (replica.follow(isOver)) {
      follower.applied();
      if (replica.seq >= this.#targetSeq) return true;
      const commits = follower.read(limits.commitsPerReadMax);
      // The epoch has ended meanwhile.
      if (commits.length === 0) return true;
      for (const commit of commits) {
        if (commit.seq > this.#targetSeq) break;
        replica.applyToTables(commit);
        if (commit.changes.length > 0) this.#oldestCommitMs ??= commit.timeMs;
        if (!replica.follow(isOver) || isOver()) return false;
      }
    }
    return false;
  }

  #beginServing(): void {
    const { clock, replica, writer, subscribers } = this.#options;
    for (const listener of this.#appliedListeners) listener();
    this.#flushAtMs = clock.monotonic();
    writer.beginFlush();
    for (const view of replica.takeDirty()) {
      for (const session of subscribers.of(view)) {
        session.oldestCommitMs ??= this.#oldestCommitMs;
        if (session.isQueued) continue;
        session.isQueued = true;
        this.#queue.push(session);
      }
    }
    this.#oldestCommitMs = undefined;
    this.#servedMin = this.backlog * FIXED_LIMITS.flushServedShareMin;
    // A flush without sessions to serve does not delay the next.
    if (this.backlog > 0) this.#pace.beginFlush(this.#flushAtMs);
    this.#serveSlice(true);
  }

  /** Serves urgent sessions, and then, if it may, those in the queue. */
  #serveSlice(mayServe: boolean): void {
    const { clock, limits } = this.#options;
    const startMs = clock.monotonic();
    let nowMs = startMs;
    for (;;) {
      const urgent = this.#urgent.shift();
      const session = urgent ?? (mayServe ? this.#nextOfRound(nowMs) : undefined);
      if (session === undefined) break;
      this.#serveOne(session, nowMs, urgent !== undefined);
      nowMs = clock.monotonic();
      if (this.#roundEnd > 0 && this.#next === this.#roundEnd) this.#endRound(nowMs);
      if (nowMs - startMs >= limits.sliceMs) break;
    }
    this.#pace.served(nowMs - startMs, nowMs);
    this.#state = "resting";
    this.#step = undefined;
    if (this.backlog === 0) this.#endFlush();
    if (this.backlog > 0 || this.#hasNews) this.#wake();
  }

  #nextOfRound(nowMs: number): Session | undefined {
    if (this.#isQueueEmpty) return undefined;
    if (this.#roundEnd === 0) {
      this.#roundEnd = this.#queue.length;
      this.#pace.beginRound(nowMs);
    }
    return this.#queue[this.#next++];
  }

  #endRound(nowMs: number): void {
    this.#pace.endRound(nowMs);
    this.#isOverrun ||= this.#pace.roundMs > this.#options.limits.flushIntervalMaxMs;
    this.#queue = this.#queue.slice(this.#next);
    this.#next = 0;
    this.#roundEnd = 0;
  }

  #serveOne(session: Session, nowMs: number, isUrgent: boolean): void {
    session.isQueued = false;
    if (session.state.kind !== "open") return;
    this.#served++;
    const { oldestCommitMs = Number.POSITIVE_INFINITY } = session;
    this.#oldestServedMs = Math.min(this.#oldestServedMs, oldestCommitMs);
    if (this.#options.writer.write(session, nowMs) || session.isBlocked) return;
    session.isBlocked = true;
    session.transport.onceFlushed(() => {
      session.isBlocked = false;
      // A first snapshot that is larger than its socket's buffer does not wait a round per buffer.
      if (isUrgent) this.serveSoon(session);
      else this.serve(session);
    });
  }

  /** All sessions are served, or the next flush begins. */
  #endFlush(): void {
    const { clock, onFlush } = this.#options;
    if (this.#oldestServedMs !== Number.POSITIVE_INFINITY) {
      onFlush({
        servingMs: clock.monotonic() - this.#flushAtMs,
        dispatchMs: clock.now() - this.#oldestServedMs,
        sessions: this.#served,
        isOverrun: this.#isOverrun,
      });
      this.#isOverrun = false;
    }
    this.#served = 0;
    this.#oldestServedMs = Number.POSITIVE_INFINITY;
  }
}
