/**
 * The used heap: of the page and its worker where the page is cross-origin isolated, of the page
 * alone in other pages, as far as the browser tells it.
 */
import type { Clock } from "../../std/clock.ts";
import type { PageReport } from "../../protocol/page-report.ts";

type Heap = Pick<PageReport, "ui_heap_used_mb" | "ui_heap_of">;

/** The part of `performance` that is used. */
export interface Measuring {
  readonly memory?: { readonly usedJSHeapSize: number };
  /** Resolves after the next garbage collection. */
  measureUserAgentSpecificMemory?(): Promise<{ readonly bytes: number }>;
}

/** A measurement may cause a garbage collection, so there is one in this time. */
const MEASURE_MS = 60_000;

export class HeapMeter {
  readonly #clock: Clock;
  readonly #platform: Measuring;
  #measured: Heap | undefined;
  #dueMs = 0;

  constructor(clock: Clock, platform: Measuring) {
    this.#clock = clock;
    this.#platform = platform;
  }

  /** The present heap, or that of the last measurement. */
  read(): Heap {
    const { memory, measureUserAgentSpecificMemory } = this.#platform;
    if (measureUserAgentSpecificMemory !== undefined) this.#measure();
    if (this.#measured !== undefined || memory === undefined) return this.#measured ?? {};
    return { ui_heap_used_mb: inMb(memory.usedJSHeapSize), ui_heap_of: "page" };
  }

  #measure(): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + MEASURE_MS;
    const answer = this.#platform.measureUserAgentSpecificMemory?.();
    answer?.then(
      ({ bytes }) => {
        this.#measured = { ui_heap_used_mb: inMb(bytes), ui_heap_of: "page_and_worker" };
      },
      // A page that is not isolated gets no measurement.
      () => (this.#dueMs = Number.POSITIVE_INFINITY),
    );
  }
}

function inMb(bytes: number): number {
  return Math.round(bytes / 104_857.6) / 10;
}
