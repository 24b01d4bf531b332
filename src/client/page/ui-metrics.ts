/** What the page measures of itself, by the names that boards know. */
import type { Clock } from "../../std/clock.ts";
import { Durations } from "../stream/meter.ts";
import type { ConnectionReading, RequestKind } from "../port.ts";

/** Durations of the last minute, in milliseconds; undefined without any. */
export interface Percentiles {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

export interface UiMetrics {
  /** Applying one turn in the engine. */
  readonly ui_delta_apply_ms: Percentiles;
  /** From taking a commit to having told everyone who listens. */
  readonly ui_render_commit_ms: Percentiles;
  /** From asking for a detail to having it. */
  readonly ui_detail_open_latency_ms: Percentiles;
  /** Frames that were missing and asked for again. */
  readonly ui_stream_gap_count: number;
  /** Share of turns that were shown together with a later one. */
  readonly ui_render_drop_ratio: number;
  /** Undefined where the platform does not tell. */
  readonly ui_heap_used_mb: number | undefined;
  /** Rows that wait to be shown. */
  readonly ui_delta_queue_depth: number;
  readonly ui_requests_pending: Readonly<Record<RequestKind, number>>;
}

export class UiMeter {
  readonly #clock: Clock;
  readonly #renders = new Durations();
  readonly #details = new Durations();
  #turns = 0;
  #commits = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  noteCommit(turns: number, ms: number): void {
    this.#turns += turns;
    if (turns > 0) this.#commits++;
    this.#renders.note(this.#clock.now(), ms);
  }

  noteDetail(ms: number): void {
    this.#details.note(this.#clock.now(), ms);
  }

  read(reading: ConnectionReading): UiMetrics {
    const nowMs = this.#clock.now();
    const percentiles = (durations: Durations): Percentiles => {
      const [p50, p99] = durations.percentiles(nowMs, 0.5, 0.99);
      return { p50, p99 };
    };
    const memory = (globalThis.performance as { memory?: { usedJSHeapSize: number } } | undefined)
      ?.memory;
    return {
      ui_delta_apply_ms: { p50: reading.applyP50Ms, p99: reading.applyP99Ms },
      ui_render_commit_ms: percentiles(this.#renders),
      ui_detail_open_latency_ms: percentiles(this.#details),
      ui_stream_gap_count: reading.gaps,
      ui_render_drop_ratio: this.#turns === 0 ? 0 : Math.max(0, 1 - this.#commits / this.#turns),
      ui_heap_used_mb: memory && memory.usedJSHeapSize / 1_048_576,
      ui_delta_queue_depth: reading.queueDepth,
      ui_requests_pending: reading.requestsPending,
    };
  }
}
