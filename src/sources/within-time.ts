/** Runs what may take too long or never answer. */
import type { Clock } from "../std/clock.ts";

export interface TimeLimit {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Aborts the run too. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The result of `run`, whose signal aborts at the time limit. @throws Error at the limit, the
 * reason of `signal` when that aborts, and the errors of `run`
 */
export function withinTime<T>(
  run: (signal: AbortSignal) => T | Promise<T>,
  { clock, timeoutMs, signal }: TimeLimit,
): Promise<T> {
  const abort = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const end = (error: unknown): void => {
      abort.abort(error);
      reject(error);
    };
    const cancel = clock.after(timeoutMs, () =>
      end(new Error(`no answer for ${timeoutMs / 1_000} s`)),
    );
    const onAbort = (): void => end(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    Promise.resolve()
      .then(() => run(abort.signal))
      .then(resolve, reject)
      .finally(() => {
        cancel();
        signal?.removeEventListener("abort", onAbort);
      });
  });
}
