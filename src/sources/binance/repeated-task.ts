/**
 * A task that is attempted until it succeeds, one attempt at a time, with growing pauses after
 * attempts that failed. Beginning again ends the attempt under way, whose outcome no longer counts.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Random } from "../../std/random.ts";

/** `again`: it went on and is not finished. `later`: it failed. */
export type Outcome = "done" | "again" | "later";

export interface RepeatedTaskOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly pauseBaseMs: number;
  readonly pauseMsMax: number;
  /** Must not reject. After `signal` is aborted it must change nothing. */
  readonly attempt: (signal: AbortSignal) => Promise<Outcome>;
}

export class RepeatedTask {
  readonly #options: RepeatedTaskOptions;
  #running: AbortController | undefined;
  #failures = 0;
  #cancelPause: Cancel = () => {};

  constructor(options: RepeatedTaskOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  begin(): void {
    this.stop();
    this.#failures = 0;
    this.#attempt();
  }

  stop(): void {
    this.#cancelPause();
    this.#running?.abort();
    this.#running = undefined;
  }

  #attempt(): void {
    const { attempt, clock, random, pauseBaseMs, pauseMsMax } = this.#options;
    const running = new AbortController();
    this.#running = running;
    void attempt(running.signal).then((outcome) => {
      if (running.signal.aborted) return;
      if (outcome === "done") {
        this.#running = undefined;
        return;
      }
      this.#failures = outcome === "again" ? 0 : Math.min(this.#failures + 1, 30);
      if (outcome === "again") return this.#attempt();
      const pauseMs = Math.min(pauseMsMax, pauseBaseMs * 2 ** (this.#failures - 1));
      this.#cancelPause = clock.after(pauseMs * (0.5 + random.next() / 2), () => this.#attempt());
    });
  }
}
