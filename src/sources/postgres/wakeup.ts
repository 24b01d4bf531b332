/**
 * A pause that ends early: when something calls `wake`; or, after its rest, when something calls
 * `notify` or has called it since the last pause.
 */
import type { Cancel, Clock } from "../../std/clock.ts";

export interface Pause {
  /** The part of the pause that `notify` does not end. */
  readonly restMs: number;
  /** How long the pause lasts after that, unless something notifies. */
  readonly delayMs: number;
}

export class Wakeup {
  #wake: () => void = () => {};
  #isResting = false;
  #isNotified = false;
  #notices = 0;

  /** Ends the present pause; without a pause, does nothing. */
  wake(): void {
    this.#wake();
  }

  /** Ends the present pause after its rest; without a pause, the next one. */
  notify(): void {
    this.#isNotified = true;
    this.#notices++;
    if (!this.#isResting) this.#wake();
  }

  /** The calls of `notify` since the last call of this. */
  takeNotices(): number {
    const notices = this.#notices;
    this.#notices = 0;
    return notices;
  }

  pause(clock: Clock, { restMs, delayMs }: Pause): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const done = (): void => {
        cancel();
        this.#isResting = false;
        this.#isNotified = false;
        this.#wake = () => {};
        resolve();
      };
      const rested = (): void => {
        this.#isResting = false;
        if (this.#isNotified) done();
        else cancel = clock.after(delayMs, done);
      };
      this.#wake = done;
      this.#isResting = restMs > 0;
      if (this.#isResting) cancel = clock.after(restMs, rested);
      else rested();
    });
  }
}
