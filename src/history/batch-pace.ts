/**
 * When the next batch is written: when a channel's rows are many enough or have waited long enough.
 * After a batch the store rests, so that many small batches do not take the processor from live
 * clients; the next batch grows meanwhile.
 */
import type { ChannelHistory } from "../log/limits.ts";
import type { HistoryStep } from "./step.ts";

/** The store rests so many times as long as the last batch took, within `maxDelayMs`. */
const REST_SHARE = 3;

type Due = Pick<ChannelHistory, "maxRows" | "maxDelayMs">;

export class BatchPace {
  readonly #dueOf: (channel: string) => Due;
  /** By channel: the rows that wait for the next batch, and since when. */
  readonly #arrived = new Map<string, { rows: number; readonly sinceMs: number }>();
  #restsUntilMs = 0;

  constructor(dueOf: (channel: string) => Due) {
    this.#dueOf = dueOf;
  }

  add({ entries }: HistoryStep, nowMs: number): void {
    if (entries.length === 0) this.#count("", 0, nowMs);
    for (const { channel } of entries) this.#count(channel, 1, nowMs);
  }

  /** What arrives from here on waits for the batch after the one that is written now. */
  begin(): void {
    this.#arrived.clear();
  }

  end(tookMs: number, nowMs: number): void {
    this.#restsUntilMs = nowMs + REST_SHARE * tookMs;
  }

  /** `rests`: false where somebody waits for the batch. */
  waitMs(nowMs: number, rests: boolean): number {
    const restMs = rests ? this.#restsUntilMs - nowMs : 0;
    let waitMs = this.#arrived.size === 0 ? 0 : Number.POSITIVE_INFINITY;
    for (const [channel, { rows, sinceMs }] of this.#arrived) {
      const { maxRows, maxDelayMs } = this.#dueOf(channel);
      const delayMs = sinceMs + maxDelayMs - nowMs;
      waitMs = Math.min(waitMs, rows >= maxRows ? Math.min(restMs, delayMs) : delayMs);
    }
    return waitMs;
  }

  #count(channel: string, rows: number, sinceMs: number): void {
    const arrived = this.#arrived.get(channel);
    if (arrived === undefined) this.#arrived.set(channel, { rows, sinceMs });
    else arrived.rows += rows;
  }
}
