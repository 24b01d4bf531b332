/** What the client measures of its own stream: delivery latency, rows and bytes. Bounded in time and samples. */

const WINDOW_MS = 60_000;
const SAMPLES_MAX = 4_096;

export interface StreamRates {
  /** From commit to the applied turn, of the last minute; undefined before the first. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Sums since the client was made. */
  readonly rows: number;
  readonly bytes: number;
}

export class Meter {
  #latencies: { readonly atMs: number; readonly latencyMs: number }[] = [];
  #rows = 0;
  #bytes = 0;
  #last = { atMs: 0, rows: 0, bytes: 0 };

  noteLatency(atMs: number, latencyMs: number): void {
    this.#latencies.push({ atMs, latencyMs: Math.max(0, latencyMs) });
    if (this.#latencies.length > SAMPLES_MAX * 2) this.#latencies = this.#latencies.slice(-SAMPLES_MAX);
  }

  noteBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  noteRows(rows: number): void {
    this.#rows += rows;
  }

  /** Rates since the previous call, percentiles over the last minute. */
  read(nowMs: number): StreamRates {
    this.#latencies = this.#latencies.slice(-SAMPLES_MAX).filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
    const sorted = this.#latencies.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    const percentile = (share: number): number | undefined => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const seconds = Math.max(0.001, (nowMs - this.#last.atMs) / 1_000);
    const rates = {
      latencyP50Ms: percentile(0.5),
      latencyP99Ms: percentile(0.99),
      rowsPerSecond: this.#last.atMs === 0 ? 0 : (this.#rows - this.#last.rows) / seconds,
      bytesPerSecond: this.#last.atMs === 0 ? 0 : (this.#bytes - this.#last.bytes) / seconds,
      rows: this.#rows,
      bytes: this.#bytes,
    };
    this.#last = { atMs: nowMs, rows: this.#rows, bytes: this.#bytes };
    return rates;
  }
}
