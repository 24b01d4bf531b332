/**
 * How many turns the server may send before the page has shown them: about half a second of them.
 * So a page that stops showing stops receiving, and a fast page never waits.
 */
import {
  CREDIT_AHEAD_MS,
  CREDIT_TURNS_MAX,
  CREDIT_TURNS_MIN,
  CREDIT_WINDOW_MS,
} from "../limits.ts";

export class CreditPolicy {
  #left = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #turns = 0;
  #turnsPerSecond = 0;

  /** Turns that the server may still send, by the client's count. */
  get left(): number {
    return this.#left;
  }

  noteTurn(nowMs: number): void {
    this.#left = Math.max(0, this.#left - 1);
    this.#turns++;
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < CREDIT_WINDOW_MS) return;
    this.#turnsPerSecond = (this.#turns / elapsedMs) * 1_000;
    this.#turns = 0;
    this.#windowStartMs = nowMs;
  }

  /** The credit to grant after the page has shown everything; undefined while enough is left. */
  replenish(): number | undefined {
    const target = Math.min(
      CREDIT_TURNS_MAX,
      Math.max(CREDIT_TURNS_MIN, Math.ceil((this.#turnsPerSecond * CREDIT_AHEAD_MS) / 1_000)),
    );
    return this.#left > target / 2 ? undefined : this.grant(target);
  }

  /** Grants all that is left: at the start, and in case an earlier grant was lost. */
  grant(turns = CREDIT_TURNS_MIN): number {
    this.#left = Math.max(turns, CREDIT_TURNS_MIN);
    return this.#left;
  }
}
