/**
 * Whether the server, which sends a turn each second, has been silent for so long that rows may be
 * old.
 */
import type { Clock } from "../../std/clock.ts";
import type { Reachability } from "./engine-view.ts";

export class QuietWatch {
  readonly #clock: Clock;
  readonly #onChange: (reachability: Reachability) => void;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isQuiet = false;

  constructor(clock: Clock, onChange: (reachability: Reachability) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** The server has accepted the identity: the time starts now. */
  start(): void {
    this.#heardMs = this.#clock.monotonic();
  }

  /** A turn has come. */
  heard(): void {
    this.start();
    this.#set(false);
  }

  check(quietMs: number): void {
    if (this.#clock.monotonic() - this.#heardMs > quietMs) this.#set(true);
  }

  #set(isQuiet: boolean): void {
    if (this.#isQuiet === isQuiet) return;
    this.#isQuiet = isQuiet;
    this.#onChange({
      isOpen: !isQuiet,
      reason: isQuiet ? "nothing is heard from the server" : undefined,
    });
  }
}
