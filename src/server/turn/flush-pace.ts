/**
 * When sessions may be served, as a function of the time that serving has taken. While serving is
 * cheap, a flush begins at once. Sustained serving pauses, so that it takes no more than a share of
 * the time; one long flush makes no pause, because serving may take `flushBurstMs` in advance.
 *
 * A round serves the sessions that waited when it began. A session's wait is at most a round, so
 * the pauses of one round have a bound too.
 */
import type { ServerLimits } from "../limits.ts";

/** A timer is no more precise. What a pause lacks is part of the next. */
const TIMER_MS = 1;

/** Serving time is borrowed, and paid back at `share` of the time that passes. */
class Budget {
  readonly #share: number;
  readonly #burstMs: number;
  readonly #debtMsMax: number;
  #debtMs = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  /** `restMsMax`: a longer pause is never needed to pay back. */
  constructor(share: number, burstMs: number, restMsMax: number) {
    this.#share = share;
    this.#burstMs = burstMs;
    this.#debtMsMax = burstMs + restMsMax * share;
  }

  spend(ms: number, nowMs: number): void {
    this.#debtMs = Math.min(this.#debtAt(nowMs) + ms, this.#debtMsMax);
    this.#atMs = nowMs;
  }

  waitMs(nowMs: number): number {
    const waitMs = (this.#debtAt(nowMs) - this.#burstMs) / this.#share;
    return waitMs < TIMER_MS ? 0 : waitMs;
  }

  #debtAt(nowMs: number): number {
    return Math.max(0, this.#debtMs - (nowMs - this.#atMs) * this.#share);
  }
}

export class FlushPace {
  readonly #limits: ServerLimits;
  readonly #budget: Budget;
  /** The smaller share, for which an interval below `flushIntervalLoadedMs` is not worth more. */
  readonly #cheapBudget: Budget;
  #flushAtMs = Number.NEGATIVE_INFINITY;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #roundServedMs = 0;
  #roundMs = 0;

  constructor(limits: ServerLimits) {
    const { flushShareMax, flushShareCheap, flushBurstMs, flushRestMsMax } = limits;
    this.#limits = limits;
    this.#budget = new Budget(flushShareMax, flushBurstMs, flushRestMsMax);
    this.#cheapBudget = new Budget(flushShareCheap, flushBurstMs, limits.flushIntervalLoadedMs);
  }

  /** How long the last round took, with its pauses. */
  get roundMs(): number {
    return this.#roundMs;
  }

  beginRound(nowMs: number): void {
    this.#roundAtMs = nowMs;
    this.#roundServedMs = 0;
  }

  endRound(nowMs: number): void {
    this.#roundMs = nowMs - this.#roundAtMs;
  }

  beginFlush(nowMs: number): void {
    this.#flushAtMs = nowMs;
  }

  /** Sessions have been served for so long, until now. */
  served(ms: number, nowMs: number): void {
    this.#budget.spend(ms, nowMs);
    this.#cheapBudget.spend(ms, nowMs);
    this.#roundServedMs += ms;
  }

  /** Milliseconds until sessions that wait may be served. */
  serveWaitMs(nowMs: number): number {
    const restMs = nowMs - this.#roundAtMs - this.#roundServedMs;
    const restLeftMs = Math.max(0, this.#limits.flushRestMsMax - restMs);
    return Math.min(this.#budget.waitMs(nowMs), restLeftMs);
  }

  /** Milliseconds until a flush may begin when no session waits. */
  flushWaitMs(nowMs: number): number {
    const { flushIntervalMs, flushIntervalLoadedMs } = this.#limits;
    return Math.max(
      this.#flushAtMs + flushIntervalMs - nowMs,
      Math.min(this.#cheapBudget.waitMs(nowMs), this.#roundAtMs + flushIntervalLoadedMs - nowMs),
      this.serveWaitMs(nowMs),
    );
  }
}
