/** Which carrier is tried: the first that gets through, and after failures the next. */
import type { CarrierName } from "../port.ts";

/** How a connection ended that the server did not send away. */
export interface Loss {
  readonly wasOpen: boolean;
  /** It was open for long enough to say that the carrier gets through. */
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

  /** A WebSocket would be better than what is used. */
  get canClimb(): boolean {
    return !this.isFirst && this.#carriers[0] === "websocket";
  }

  /**
   * Counts what never came to be open, or not for long, and goes to the next carrier when this one does not
   * get through. Returns whether to find out if the server is reachable where this carrier is not: a proxy
   * may refuse upgrades, or keep back what it should pass on.
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

  next(): void {
    this.#failures = 0;
    this.#index = (this.#index + 1) % this.#carriers.length;
  }

  climb(): void {
    this.#index = 0;
  }
}
