/** What each client of the pipeline benchmark shows: the newest trades. */
import type { Trade } from "./trade.ts";

export const WIDGET_ROWS = 200;

/**
 * Notes when rows are in a client's cache. A row that was replaced by newer ones before the cache
 * had it counts when a newer one is there: its time of sending lies between those of its
 * neighbours.
 */
export class ArrivalTimes {
  #latencies: number[] = [];
  #last: Pick<Trade, "trade_id" | "sent_ms"> | undefined;

  get latencies(): readonly number[] {
    return this.#latencies;
  }

  reset(): void {
    this.#latencies = [];
  }

  /** The cache's rows, newest first. */
  onRows(rows: readonly Trade[]): void {
    const nowMs = performance.timeOrigin + performance.now();
    const last = this.#last;
    this.#last = rows[0] ?? last;
    if (last === undefined) return;
    let next: Pick<Trade, "trade_id" | "sent_ms"> | undefined;
    for (const row of rows) {
      if (row.trade_id <= last.trade_id) break;
      this.#latencies.push(nowMs - row.sent_ms);
      next = row;
    }
    if (next === undefined) return;
    const missing = next.trade_id - last.trade_id - 1;
    for (let index = 1; index <= missing; index++) {
      const share = index / (missing + 1);
      this.#latencies.push(nowMs - (last.sent_ms + share * (next.sent_ms - last.sent_ms)));
    }
  }
}
