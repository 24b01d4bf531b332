/**
 * Time as a dependency. Code that reads a clock or waits takes a `Clock`,
 * so that tests and the simulator control time. The system clock below is the only
 * place in `src/` that touches the platform's timers.
 */

/** Stops what was scheduled. Calling it twice, or after it ran, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Wall-clock time in unix milliseconds. May jump. */
  now(): number;
  /** Milliseconds since an arbitrary start, with sub-millisecond digits. Never goes back. */
  monotonic(): number;
  /**
   * Runs `callback` once after `delayMs`, or after 24 days where that is longer. Does not keep the
   * process alive by itself.
   */
  after(delayMs: number, callback: () => void): Cancel;
  /** Runs `callback` after pending input and output have been handled. */
  soon(callback: () => void): Cancel;
}

/** A platform's timer takes no longer delay: it would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer: unknown = setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX));
    // A Node timer has `unref`, so that it does not keep the process alive; a browser's is a
    // number.
    if (typeof timer === "object" && timer !== null && "unref" in timer) {
      (timer as { unref(): void }).unref();
    }
    return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
  },
  soon(callback) {
    if (typeof setImmediate === "function") {
      const handle = setImmediate(callback);
      return () => clearImmediate(handle);
    }
    const timer = setTimeout(callback, 0);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs` on `clock`. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

/** Lets pending input and output be handled, between two slices of work. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}

/** Keeps the process alive, which the clock's own timers don't. Returns a function that ends it. */
export function holdOpen(): Cancel {
  const timer = setInterval(() => {}, 2 ** 30);
  return () => clearInterval(timer);
}
