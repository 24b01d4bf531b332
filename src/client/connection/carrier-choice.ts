/** Which carrier is tried: the first that gets through, and after failures the next. */
import type { CarrierName } from "../port.ts";

/** How a connection ended, other than by the server's own request. */
export interface Loss {
  readonly wasOpen: boolean;
  /** The connection was open for long enough to show that the carrier works. */
  readonly hasLasted: boolean;
}

export class CarrierChoice {
  readonly #carriers: readonly CarrierName[];
  readonly #attemptsMax: number;
  #index = 0;
  #failures = 0;

  constructor(carriers: readonly CarrierName[], attemptsMax: number) {
    this.#carriers = carriers;
    this.#attemptsMax = attemptsMax;
  }

  get current(): CarrierName {
    return this.#carriers[this.#index] ?? "websocket";
  }

  get isFirst(): boolean {
    return this.#index === 0;
  }

  get hasOthers(): boolean {
    return this.#carriers.length > 1;
  }

  /** A WebSocket is allowed, and the present carrier is another. */
  get canUpgrade(): boolean {
    return !this.isFirst && this.#carriers[0] === "websocket";
  }

  /**
   * Counts connections that never opened, or closed soon, and changes to the next carrier after too
   * many of them. Returns whether to check that the server is reachable over HTTP: then the carrier
   * is to blame, as where a proxy refuses upgrades or buffers the stream.
   */
  lost({ wasOpen, hasLasted }: Loss): boolean {
    if (hasLasted) {
      this.#failures = 0;
      return false;
    }
    this.#failures++;
    if (this.#failures >= this.#attemptsMax) this.next();
    else return this.#failures === 1 && !wasOpen;
    return false;
  }

  /** The last failure was not the carrier's. */
  forgive(): void {
    this.#failures--;
  }

  /** Nor were the ones before it: the server can't be reached at all. */
  acquit(): void {
    this.#failures = 0;
  }

  next(): void {
    this.#failures = 0;
    this.#index = (this.#index + 1) % this.#carriers.length;
  }

  upgrade(): void {
    this.#index = 0;
  }
}
