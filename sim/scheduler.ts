/**
 * Simulated time. Events run one at a time, by due time and then by creation; all promises that an
 * event resolves are handled before the next one. Each actor has its own clock, which may be set
 * wrong, be paused, or be killed with all its timers.
 */
import type { Cancel, Clock } from "../src/std/clock.ts";

interface Event {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export class Scheduler {
  nowMs = 0;
  steps = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  at(dueMs: number, run: () => void): Cancel {
    const event: Event = {
      dueMs: Math.max(dueMs, this.nowMs),
      order: this.#order++,
      run,
      isCancelled: false,
    };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs the events that are due until `untilMs`, or until `isDone` returns true. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    for (
      let next = this.#heap[0];
      next !== undefined && next.dueMs <= untilMs && !isDone();
      next = this.#heap[0]
    ) {
      this.#pop();
      if (next.isCancelled) continue;
      this.nowMs = next.dueMs;
      this.steps++;
      next.run();
      await settled();
    }
    this.nowMs = Math.max(this.nowMs, isDone() ? this.nowMs : untilMs);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent] as Event, event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event))
        child++;
      if (isBefore(last, heap[child] as Event)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Resolves when all promise callbacks that can run have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const START_UNIX_MS = 1_700_000_000_000;

/**
 * The clock of one actor. Reading `monotonic` takes `costMs`, so that work takes time and is done
 * in slices.
 */
export class ActorClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #costMs: number;
  #skewMs: number;
  #busyMs = 0;
  #pausedUntilMs = 0;
  #isAlive = true;

  constructor(scheduler: Scheduler, { skewMs = 0, costMs = 0 } = {}) {
    this.#scheduler = scheduler;
    this.#skewMs = skewMs;
    this.#costMs = costMs;
  }

  now(): number {
    return START_UNIX_MS + Math.floor(this.#scheduler.nowMs) + this.#skewMs;
  }

  monotonic(): number {
    this.#busyMs = Math.max(this.#busyMs, this.#scheduler.nowMs) + this.#costMs;
    return this.#busyMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    let cancel: Cancel = () => {};
    const run = (): void => {
      if (!this.#isAlive) return;
      // The actor is paused: the timer runs when the pause ends.
      if (this.#pausedUntilMs > this.#scheduler.nowMs)
        cancel = this.#scheduler.at(this.#pausedUntilMs, run);
      else callback();
    };
    const startMs = Math.max(this.#scheduler.nowMs, this.#busyMs);
    cancel = this.#scheduler.at(startMs + Math.max(0, delayMs), run);
    return () => cancel();
  }

  soon(callback: () => void): Cancel {
    return this.after(0, callback);
  }

  get isPaused(): boolean {
    return this.#pausedUntilMs > this.#scheduler.nowMs;
  }

  /** Sets the wall clock wrong. */
  jump(byMs: number): void {
    this.#skewMs += Math.floor(byMs);
  }

  /** Pauses the clock and its timers, as when a process is stopped or a laptop sleeps. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#scheduler.nowMs + forMs);
  }

  kill(): void {
    this.#isAlive = false;
  }
}
