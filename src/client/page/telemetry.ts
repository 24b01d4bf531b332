/**
 * Measures what a page costs its reader, and reports it to the server. Each report is one small
 * request beside the stream. It is never sent again, and one that the server did not take makes
 * the next ones rarer. Ends when the client is closed.
 */
import type { Clock } from "../../std/clock.ts";
import { PAGE_REPORT_INTERVAL_MS } from "../../protocol/limits.ts";
import type { PageReport } from "../../protocol/page-report.ts";
import { REPORT_PAUSE_MS_MAX } from "../limits.ts";
import type { ConnectionStats } from "../port.ts";
import { FrameMeter, type FrameFigures } from "./frame-meter.ts";
import { HeapMeter, type Measuring } from "./heap-meter.ts";
import { immediately, type Pacing } from "./pacing.ts";
import type { PageRequests } from "./page-requests.ts";
import type { UiMeter } from "./ui-metrics.ts";

export type OnReport = (report: PageReport) => void;

export interface TelemetryOptions {
  readonly clock: Clock;
  readonly pacing: Pacing;
  readonly ui: Pick<UiMeter, "onCommit">;
  readonly requests: Pick<PageRequests, "send">;
  readonly connection: {
    subscribe(listener: () => void): () => void;
    getSnapshot(): Pick<ConnectionStats, "state">;
  };
  /** A function gets each report, also those that are not sent. */
  readonly onReport: OnReport | boolean;
}

/** Does nothing where there are no frames. */
export function startTelemetry(options: TelemetryOptions): void {
  const { clock, pacing, ui, connection } = options;
  if (pacing === immediately) return;
  const state = (): string => connection.getSnapshot().state.kind;
  const meter = new FrameMeter();
  const heap = new HeapMeter(clock, performance as Measuring);
  const reports = new Reports(options);
  const frame = (atMs = clock.monotonic()): void => {
    meter.frame(atMs);
    if (state() !== "stopped") pacing.next(frame);
  };
  const stopWatching = pacing.watchHidden((isHidden) =>
    meter.setHidden(isHidden, clock.monotonic()),
  );
  // What a frame schedules runs when it has been painted.
  ui.onCommit = (arrivedMs) => void clock.soon(() => meter.painted(arrivedMs, clock.monotonic()));
  const tell = async (): Promise<void> => {
    try {
      await reports.tell(reportOf(meter.take(), heap.read()), state() === "open");
    } finally {
      next();
    }
  };
  let cancel = (): void => {};
  const next = (): void => {
    if (state() !== "stopped") cancel = clock.after(PAGE_REPORT_INTERVAL_MS, () => void tell());
  };
  connection.subscribe(() => {
    if (state() !== "stopped") return;
    cancel();
    stopWatching();
    ui.onCommit = undefined;
  });
  pacing.next(frame);
  next();
}

class Reports {
  readonly #options: TelemetryOptions;
  #pauseMs = 0;
  #dueMs = 0;

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  async tell(report: PageReport, isOpen: boolean): Promise<void> {
    const { clock, onReport, requests } = this.#options;
    if (typeof onReport === "function") onReport(report);
    if (!isOpen || clock.monotonic() < this.#dueMs) return;
    const route = "/telemetry?session={session}";
    const status = await requests.send(route, "up", undefined, JSON.stringify(report)).then(
      (answer) => answer.status,
      () => 0,
    );
    this.#pauseMs =
      status === 204
        ? 0
        : Math.min(REPORT_PAUSE_MS_MAX, Math.max(PAGE_REPORT_INTERVAL_MS, this.#pauseMs) * 2);
    this.#dueMs = clock.monotonic() + this.#pauseMs;
  }
}

function reportOf(
  { visible, dropRatio, paintsMs }: FrameFigures,
  heap: Pick<PageReport, "ui_heap_used_mb" | "ui_heap_of">,
): PageReport {
  return {
    visible,
    ...(dropRatio !== undefined && { ui_render_drop_ratio: Math.round(dropRatio * 1e4) / 1e4 }),
    ...(paintsMs.length > 0 && {
      ui_render_commit_ms: paintsMs.map((ms) => Math.round(ms * 10) / 10),
    }),
    ...heap,
  };
}
