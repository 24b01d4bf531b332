/**
 * Logs which origins and hosts were refused, and the option that allows them: each once, so that
 * pages that try again and again do not fill the log.
 */
import type { TidemarkError } from "../../std/errors.ts";
import { FIXED_LIMITS } from "../limits.ts";

export class Refusals {
  readonly #warn: (message: string) => void;
  readonly #logged = new Set<string>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** The message of a refusal names the origin or the host. */
  note({ message }: TidemarkError): void {
    if (this.#logged.has(message) || this.#logged.size >= FIXED_LIMITS.refusalsLoggedMax) return;
    this.#logged.add(message);
    this.#warn(message);
    if (this.#logged.size === FIXED_LIMITS.refusalsLoggedMax)
      this.#warn("Many different origins were refused. No further ones are logged.");
  }
}
