/**
 * A pause that ends early: when something calls `wake`, or has called `notify` since the last
 * pause.
 */
import type { Cancel, Clock } from "../../std/clock.ts";

export class Wakeup {
  #wake: () => void = () => {};
  #isNotified = false;
  #notices = 0;

  /** Ends the present pause; without a pause, does nothing. */
  wake(): void {
    this.#wake();
  }

  /** Ends the present pause; without a pause, the next one ends at once. */
  notify(): void {
    this.#isNotified = true;
    this.#notices++;
    this.#wake();
  }

  /** The calls of `notify` since the last call of this. */
  takeNotices(): number {
    const notices = this.#notices;
    this.#notices = 0;
    return notices;
  }

  pause(clock: Clock, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const done = (): void => {
        cancel();
        this.#isNotified = false;
        this.#wake = () => {};
        resolve();
      };
      this.#wake = done;
      cancel = clock.after(delayMs, done);
      if (this.#isNotified) done();
    });
  }
}
