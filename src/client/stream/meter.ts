/**
 * The stream's metrics in the client: delivery latency, rows and bytes. Bounded in time and
 * samples.
 */
import type { StreamRates } from "../port.ts";
import { Durations } from "./durations.ts";

/** Rates over less time than this say little; the former ones stay. */
const RATES_MS_MIN = 500;

export class Meter {
  readonly #latencies = new Durations();
  readonly #applies = new Durations();
  #rows = 0;
  #bytes = 0;
  #last = { atMs: 0, rows: 0, bytes: 0 };
  #rates = { rowsPerSecond: 0, bytesPerSecond: 0 };

  noteLatency(atMs: number, latencyMs: number): void {
    this.#latencies.note(atMs, latencyMs);
  }

  noteApply(atMs: number, applyMs: number): void {
    this.#applies.note(atMs, applyMs);
  }

  noteBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  noteRows(rows: number): void {
    this.#rows += rows;
  }

  /** Rates since about a second ago, percentiles over the last minute. */
  read(nowMs: number): StreamRates {
    const [latencyP50Ms, latencyP99Ms] = this.#latencies.percentiles(nowMs, 0.5, 0.99);
    const [applyP50Ms, applyP99Ms] = this.#applies.percentiles(nowMs, 0.5, 0.99);
    this.#measure(nowMs);
    return {
      latencyP50Ms,
      latencyP99Ms,
      latencySamples: this.#latencies.count,
      applyP50Ms,
      applyP99Ms,
      ...this.#rates,
      rows: this.#rows,
      bytes: this.#bytes,
    };
  }

  #measure(nowMs: number): void {
    const { atMs, rows, bytes } = this.#last;
    const seconds = (nowMs - atMs) / 1_000;
    // The clock may have been set back.
    if (seconds >= 0 && seconds * 1_000 < RATES_MS_MIN) return;
    if (atMs > 0 && seconds > 0)
      this.#rates = {
        rowsPerSecond: (this.#rows - rows) / seconds,
        bytesPerSecond: (this.#bytes - bytes) / seconds,
      };
    this.#last = { atMs: nowMs, rows: this.#rows, bytes: this.#bytes };
  }
}
