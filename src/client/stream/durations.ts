/** Durations with their percentiles. In a file of its own, since every page loads it at once. */
import { SAMPLES_MAX, SAMPLE_WINDOW_MS } from "../limits.ts";

/** Durations of the last minute, at most `SAMPLES_MAX`. */
export class Durations {
  #samples: { readonly atMs: number; readonly ms: number }[] = [];

  note(atMs: number, ms: number): void {
    this.#samples.push({ atMs, ms: Math.max(0, ms) });
    if (this.#samples.length > SAMPLES_MAX * 2) this.#samples = this.#samples.slice(-SAMPLES_MAX);
  }

  /** The samples that the last percentiles are from. */
  get count(): number {
    return this.#samples.length;
  }

  /** The value below which this share of the samples lies; undefined without samples. */
  percentiles(nowMs: number, ...shares: readonly number[]): readonly (number | undefined)[] {
    this.#samples = this.#samples
      .slice(-SAMPLES_MAX)
      .filter(({ atMs }) => nowMs - atMs <= SAMPLE_WINDOW_MS);
    const sorted = this.#samples.map(({ ms }) => ms).sort((a, b) => a - b);
    return shares.map(
      (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))],
    );
  }
}
