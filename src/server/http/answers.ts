/**
 * Answers over HTTP that have not left the process: each counts like a connection, and one that its client does not
 * take is dropped, so that nobody holds the server's memory by asking and not reading.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../std/clock.ts";

interface Progress {
  /** Bytes that the process still holds of it. */
  held: number;
  sinceMs: number;
}

export class Answers {
  readonly #clock: Clock;
  readonly #silenceMsMax: number;
  readonly #open = new Map<ServerResponse, Progress>();
  #isLooking = false;

  /** `silenceMsMax`: an answer of which nothing was taken for so long is dropped. */
  constructor(clock: Clock, silenceMsMax: number) {
    this.#clock = clock;
    this.#silenceMsMax = silenceMsMax;
  }

  get size(): number {
    return this.#open.size;
  }

  watch(response: ServerResponse): void {
    this.#open.set(response, { held: 0, sinceMs: this.#clock.monotonic() });
    response.once("close", () => this.#open.delete(response));
    if (!this.#isLooking) this.#lookSoon();
  }

  /** It carries a session, which counts by itself. */
  release(response: ServerResponse): void {
    this.#open.delete(response);
  }

  #lookSoon(): void {
    this.#isLooking = true;
    this.#clock.after(this.#silenceMsMax / 2, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonic();
    for (const [response, progress] of this.#open) {
      const held = response.writableLength;
      // One that waits for something to happen has nothing to be taken.
      if (held === 0 || held !== progress.held) this.#open.set(response, { held, sinceMs: nowMs });
      else if (nowMs - progress.sinceMs >= this.#silenceMsMax) response.destroy();
    }
    if (this.#open.size > 0) this.#lookSoon();
    else this.#isLooking = false;
  }
}
