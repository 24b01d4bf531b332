/** Long work in slices, between which the event loop runs. */
import { turn, type Clock } from "./clock.ts";

export class EventLoopSlices {
  readonly #clock: Clock;
  readonly #leastMs: number;
  readonly #mostMs: number;
  #beganMs: number;
  #sliceMs: number;

  /**
   * A slice is as long as the loop was busy with other work before it, within these milliseconds:
   * a busy server neither waits for the work nor starves it.
   */
  constructor(
    clock: Clock,
    { leastMs, mostMs }: { readonly leastMs: number; readonly mostMs: number },
  ) {
    this.#clock = clock;
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
    this.#beganMs = clock.monotonic();
    this.#sliceMs = leastMs;
  }

  /** Whether it is time for `next`. */
  get isOver(): boolean {
    return this.#clock.monotonic() - this.#beganMs >= this.#sliceMs;
  }

  /** Resolves when a new slice begins. */
  async next(): Promise<void> {
    const endMs = this.#clock.monotonic();
    await turn(this.#clock);
    this.#beganMs = this.#clock.monotonic();
    this.#sliceMs = Math.min(this.#mostMs, Math.max(this.#leastMs, this.#beganMs - endMs));
  }
}
