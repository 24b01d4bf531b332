/**
 * Whether the server, which sends a turn each second, has been silent for so long that rows may be
 * old.
 */
import type { Clock } from "../../std/clock.ts";
import type { Reachability } from "./engine-view.ts";

export class QuietWatch {
  readonly #clock: Clock;
  readonly #onChange: (reachability: Reachability) => void;
  /** By the monotonic clock; nothing is expected while there is no session. */
  #heardMs = Number.POSITIVE_INFINITY;
  #heardAtMs = 0;
  #isQuiet = false;

  constructor(clock: Clock, onChange: (reachability: Reachability) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** When the last turn came, in Unix milliseconds, while the server is silent for too long. */
  get silentSinceMs(): number | undefined {
    return this.#isQuiet ? this.#heardAtMs : undefined;
  }

  /** The server has accepted the identity: the time starts now. */
  start(): void {
    this.#heardMs = this.#clock.monotonic();
    this.#heardAtMs = this.#clock.now();
  }

  /** The connection is gone, which says more than its silence. */
  stop(): void {
    this.#heardMs = Number.POSITIVE_INFINITY;
    this.#isQuiet = false;
  }

  /** A turn has come. Returns whether the server had been silent for too long. */
  heard(): boolean {
    const wasQuiet = this.#isQuiet;
    this.start();
    this.#set(false);
    return wasQuiet;
  }

  check(quietMs: number): void {
    if (this.#clock.monotonic() - this.#heardMs > quietMs) this.#set(true);
  }

  #set(isQuiet: boolean): void {
    if (this.#isQuiet === isQuiet) return;
    this.#isQuiet = isQuiet;
    this.#onChange({
      isOpen: !isQuiet,
      reason: isQuiet ? "no response from the server" : undefined,
    });
  }
}
