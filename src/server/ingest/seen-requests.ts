/**
 * The requests that carried an Idempotency-Key, so that a repeat writes nothing and gets the same
 * seq. The commit of a request carries its id; after a restart the ids come back from the history
 * store.
 *
 * Retains at most `requestIdsMax` requests. Full: the oldest is forgotten.
 */
import { TidemarkError } from "../../std/errors.ts";

interface SeenRequest {
  readonly body: string;
  readonly seq: Promise<number>;
}

/** Hashes that identify a request. */
export interface RequestId {
  /** Of caller and key: the key of one caller means nothing for another. */
  readonly key: string;
  /** Of channel, format and body. */
  readonly body: string;
}

export interface Once {
  readonly seq: number;
  readonly isRepeat: boolean;
}

export class SeenRequests {
  readonly #max: number;
  readonly #requests = new Map<string, SeenRequest>();

  /** `stored` are ids with seqs, as the history store has them, oldest first. */
  constructor(max: number, stored: readonly string[]) {
    this.#max = max;
    for (const id of stored) {
      const [key, body, seq] = id.split(":");
      if (key !== undefined && body !== undefined && seq !== undefined)
        this.#note(key, { body, seq: Promise.resolve(Number(seq)) });
    }
  }

  /**
   * Runs `write`, unless the request ran or runs already: its seq is the answer then. What failed
   * was not written, and may run again.
   * @throws TidemarkError `IDEMPOTENCY_CONFLICT` for another body, and the errors of `write`
   */
  async once(
    { key, body }: RequestId,
    write: (requestIds: readonly string[]) => Promise<number>,
  ): Promise<Once> {
    const seen = this.#requests.get(key);
    if (seen === undefined) {
      const request = { body, seq: write([`${key}:${body}`]) };
      this.#note(key, request);
      try {
        return { seq: await request.seq, isRepeat: false };
      } catch (error) {
        if (this.#requests.get(key) === request) this.#requests.delete(key);
        throw error;
      }
    }
    if (seen.body === body) return { seq: await seen.seq, isRepeat: true };
    throw new TidemarkError(
      "IDEMPOTENCY_CONFLICT",
      "This Idempotency-Key was used for another body, channel or Content-Type. Nothing was written.",
    );
  }

  #note(key: string, request: SeenRequest): void {
    this.#requests.delete(key);
    this.#requests.set(key, request);
    const oldest = this.#requests.keys().next().value;
    if (this.#requests.size > this.#max && oldest !== undefined) this.#requests.delete(oldest);
  }
}
