/** Pauses that end early when something calls `end`. */
import type { Clock } from "../std/clock.ts";

export class Pauses {
  #end: () => void = () => {};

  /** Ends the present pause; without a pause, does nothing. */
  end(): void {
    this.#end();
  }

  /** One pause at a time. */
  pause(clock: Clock, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, () => this.#end());
      this.#end = () => {
        cancel();
        this.#end = () => {};
        resolve();
      };
    });
  }
}
