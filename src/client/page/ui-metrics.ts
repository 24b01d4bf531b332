/** The page's own metrics. */
import type { Clock } from "../../std/clock.ts";
import { Durations } from "../stream/durations.ts";
import type { ConnectionStats, RequestKind } from "../port.ts";

/** Durations of the last minute, in milliseconds; undefined without any. */
export interface Percentiles {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

export interface UiMetrics {
  /** Applying one turn in the engine. */
  readonly deltaApplyMs: Percentiles;
  /** From taking a commit to the return of the last listener. */
  readonly renderCommitMs: Percentiles;
  /** From a call of `client.row` to its answer. */
  readonly rowLatencyMs: Percentiles;
  /** Missing frames that were requested again. */
  readonly streamGaps: number;
  /** Share of turns, 0 to 1, that were shown together with a later one. */
  readonly renderDropRatio: number;
  /** Undefined where the platform does not report it. */
  readonly heapUsedMb: number | undefined;
  /** Rows that wait for the page to show them. */
  readonly deltaQueueDepth: number;
  readonly requestsPending: Readonly<Record<RequestKind, number>>;
}

export class UiMeter {
  /** Told of each commit that was shown, with the time at which the page got it. */
  onCommit: ((arrivedMs: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #renders = new Durations();
  readonly #rows = new Durations();
  #turns = 0;
  #commits = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  noteCommit(turns: number, ms: number, arrivedMs: number): void {
    this.onCommit?.(arrivedMs);
    this.#turns += turns;
    if (turns > 0) this.#commits++;
    this.#renders.note(this.#clock.now(), ms);
  }

  noteRow(ms: number): void {
    this.#rows.note(this.#clock.now(), ms);
  }

  read({ applyP50Ms, applyP99Ms, gaps, queueDepth, requestsPending }: ConnectionStats): UiMetrics {
    const nowMs = this.#clock.now();
    const percentiles = (durations: Durations): Percentiles => {
      const [p50, p99] = durations.percentiles(nowMs, 0.5, 0.99);
      return { p50, p99 };
    };
    const memory = (globalThis.performance as { memory?: { usedJSHeapSize: number } } | undefined)
      ?.memory;
    return {
      deltaApplyMs: { p50: applyP50Ms, p99: applyP99Ms },
      renderCommitMs: percentiles(this.#renders),
      rowLatencyMs: percentiles(this.#rows),
      streamGaps: gaps,
      renderDropRatio: this.#turns === 0 ? 0 : Math.max(0, 1 - this.#commits / this.#turns),
      heapUsedMb: memory && memory.usedJSHeapSize / 1_048_576,
      deltaQueueDepth: queueDepth,
      requestsPending,
    };
  }
}
