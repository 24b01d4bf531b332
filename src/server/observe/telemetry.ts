/**
 * What pages report of themselves, as histograms. A session's reports count once per interval; no
 * label comes from a client. Retains the time of one report per session for that interval, of at
 * most `sessionsMax` sessions.
 */
import type { Histogram } from "prom-client";
import type { Clock } from "../../std/clock.ts";
import { PAGE_REPORT_INTERVAL_MS } from "../../protocol/limits.ts";
import { HEAPS, type PageReport } from "../../protocol/page-report.ts";
import type { Metrics } from "./metrics.ts";

const DROP_BUCKETS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
const PAINT_BUCKETS_MS = [4, 8, 16, 24, 32, 50, 75, 100, 150, 250, 500, 1_000, 5_000];
const HEAP_BUCKETS_MB = [8, 16, 32, 64, 96, 120, 160, 256, 512, 1_024, 2_048];

export interface TelemetryOptions {
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, "monotonic">;
  /** Sessions whose last report is remembered. Full: others are refused. */
  readonly sessionsMax: number;
}

export class Telemetry {
  readonly #clock: TelemetryOptions["clock"];
  readonly #sessionsMax: number;
  /** When each session reported, oldest first. */
  readonly #reportedMs = new Map<string, number>();
  readonly #drops: Histogram;
  readonly #paints: Histogram;
  readonly #heaps: Histogram<"of">;

  constructor({ metrics, clock, sessionsMax }: TelemetryOptions) {
    this.#clock = clock;
    this.#sessionsMax = sessionsMax;
    this.#drops = metrics.histogram({
      name: "ui_render_drop_ratio",
      buckets: DROP_BUCKETS,
      help: "Of one report: the share of animation frames that a visible page missed.",
    });
    this.#paints = metrics.histogram({
      name: "ui_render_commit_ms",
      buckets: PAINT_BUCKETS_MS,
      help: "From a commit's arrival at a visible page to its paint, of some commits.",
    });
    this.#heaps = metrics.histogram({
      name: "ui_heap_used_mb",
      buckets: HEAP_BUCKETS_MB,
      labelNames: ["of"],
      help: "Used heap of a page, in MiB, with that of its worker where the browser tells it.",
    });
  }

  /** Admits a report and returns 0, or the milliseconds until the session may send its next one. */
  admit(sessionId: string): number {
    const nowMs = this.#clock.monotonic();
    for (const [id, atMs] of this.#reportedMs) {
      if (nowMs - atMs < PAGE_REPORT_INTERVAL_MS) break;
      this.#reportedMs.delete(id);
    }
    const lastMs = this.#reportedMs.get(sessionId);
    if (lastMs !== undefined) return lastMs + PAGE_REPORT_INTERVAL_MS - nowMs;
    if (this.#reportedMs.size >= this.#sessionsMax) return PAGE_REPORT_INTERVAL_MS;
    this.#reportedMs.set(sessionId, nowMs);
    return 0;
  }

  take(report: PageReport): void {
    const { visible, ui_render_drop_ratio: drops, ui_render_commit_ms: paintsMs = [] } = report;
    const { ui_heap_used_mb: heapMb, ui_heap_of: of = HEAPS[0] } = report;
    if (visible && drops !== undefined) this.#drops.observe(drops);
    if (visible) for (const ms of paintsMs) this.#paints.observe(ms);
    if (heapMb !== undefined) this.#heaps.observe({ of }, heapMb);
  }
}
