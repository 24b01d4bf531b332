/**
 * What the store holds of each channel, for the catalog: the store is asked now and then, and the
 * last answer stands meanwhile.
 *
 * Retains one answer per channel with history.
 */
import type { Clock } from "../std/clock.ts";
import type { HistoryStore, StoredSpan } from "./history.ts";

/** How often the store is asked about a channel. */
const ASK_MS = 10_000;

interface Answer {
  span: StoredSpan | undefined;
  /** By the monotonic clock; undefined while the store has not answered. */
  answeredMs: number | undefined;
}

export class HistorySpans {
  readonly #store: Pick<HistoryStore, "span">;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();

  constructor(store: Pick<HistoryStore, "span">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The last answer; undefined before the first. */
  of(channel: string): StoredSpan | undefined {
    const known = this.#answers.get(channel);
    if (known?.answeredMs !== undefined && this.#clock.monotonic() - known.answeredMs < ASK_MS)
      return known.span;
    const isAsked = known !== undefined && known.answeredMs === undefined;
    if (!isAsked) void this.#ask(channel, known?.span);
    return known?.span;
  }

  async #ask(channel: string, last: StoredSpan | undefined): Promise<void> {
    const answer: Answer = { span: last, answeredMs: undefined };
    this.#answers.set(channel, answer);
    try {
      answer.span = await this.#store.span(channel);
    } catch {
      // A store that does not answer is asked again later.
    }
    answer.answeredMs = this.#clock.monotonic();
  }
}
