/** The server's metrics, for Prometheus. Gauges are read when scraped; no label is unbounded. */
import {
  Counter,
  Gauge,
  Histogram,
  Registry,
  collectDefaultMetrics,
  type HistogramConfiguration,
} from "prom-client";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { Observer } from "../engine-options.ts";
import { FIXED_LIMITS } from "../limits.ts";
import type { FlushReport } from "../turn/turns.ts";

const LATENCY_BUCKETS_MS = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384];

/** Metrics whose values other parts keep, by name. */
export interface RegisteredMetrics {
  readonly gauges: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
  /** Per channel; the number of channels bounds the label. */
  readonly channelGauges: Readonly<
    Record<
      string,
      {
        readonly help: string;
        readonly read: () => Iterable<readonly [channel: string, value: number]>;
      }
    >
  >;
  /** Totals that only grow. */
  readonly totals: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
  /** Totals for each code of an error. */
  readonly totalsByCode?: Readonly<
    Record<
      string,
      { readonly help: string; readonly read: () => Iterable<readonly [code: string, n: number]> }
    >
  >;
}

export class Metrics implements Observer {
  readonly #registry = new Registry();
  readonly #dispatchLatencyMs: Histogram;
  readonly #flushServingMs: Histogram;
  readonly #snapshotBuildMs: Histogram;
  readonly #boardBuildMs: Histogram;
  readonly #flushOverruns: Counter;
  readonly #resets: Counter<"reason">;
  readonly #resumes: Counter;
  readonly #resumesRefused: Counter<"reason">;
  readonly #gaps: Counter;
  readonly #drift: Counter;
  readonly #mutations: Histogram<"outcome">;
  #recentBuildsMs: number[] = [];

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#dispatchLatencyMs = new Histogram({
      name: "stream_v2_dispatch_latency_ms",
      registers,
      buckets: LATENCY_BUCKETS_MS,
      help: "From the oldest commit for which a session waited to the last session served in the flush.",
    });
    this.#flushServingMs = new Histogram({
      name: "tidemark_flush_serving_ms",
      registers,
      buckets: LATENCY_BUCKETS_MS,
      help: "From applying the last commit of a flush to the last session served in it.",
    });
    this.#snapshotBuildMs = new Histogram({
      name: "snapshot_v2_build_ms",
      registers,
      buckets: LATENCY_BUCKETS_MS,
      help: "Building one snapshot, for a socket or for HTTP.",
    });
    this.#flushOverruns = new Counter({
      name: "tidemark_flush_overruns_total",
      registers,
      help: "Rounds of the sessions that wait which took longer than flushIntervalMaxMs.",
    });
    this.#resets = new Counter({
      name: "tidemark_resets_total",
      registers,
      labelNames: ["reason"],
      help: "Subscriptions that had to start anew with a snapshot.",
    });
    this.#boardBuildMs = new Histogram({
      name: "dashboard_snapshot_build_ms",
      registers,
      buckets: LATENCY_BUCKETS_MS,
      help: "The same as snapshot_v2_build_ms, under the name that older dashboards use.",
    });
    for (const share of [50, 95, 99]) {
      const read = (): number => percentile(this.#recentBuildsMs, share / 100);
      const help = `Percentile ${share} of the last ${FIXED_LIMITS.recentBuildsMax} snapshot builds.`;
      new Gauge({
        name: `dashboard_snapshot_build_ms_p${share}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    }
    this.#resumes = new Counter({
      name: "stream_v2_resume_success_total",
      registers,
      help: "Sessions continued by RESUME.",
    });
    this.#resumesRefused = new Counter({
      name: "tidemark_invalid_sessions_total",
      registers,
      labelNames: ["reason"],
      help: "RESUMEs answered by INVALID_SESSION.",
    });
    this.#gaps = new Counter({
      name: "stream_v2_gap_events_total",
      registers,
      help: "Views that a client requested again because frames were missing.",
    });
    this.#mutations = new Histogram({
      name: "tidemark_mutation_ms",
      registers,
      labelNames: ["outcome"],
      buckets: LATENCY_BUCKETS_MS,
      help: "Time of one mutation, retries included, until it was written or refused.",
    });
    this.#drift = new Counter({
      name: "tidemark_drift_total",
      registers,
      help: "Views that a client requested again because its rows did not match the digest.",
    });
  }

  onSnapshot(buildMs: number): void {
    this.#snapshotBuildMs.observe(buildMs);
    this.#boardBuildMs.observe(buildMs);
    this.#recentBuildsMs.push(buildMs);
    if (this.#recentBuildsMs.length >= FIXED_LIMITS.recentBuildsMax * 2)
      this.#recentBuildsMs = this.#recentBuildsMs.slice(-FIXED_LIMITS.recentBuildsMax);
  }

  onFlush({ servingMs, dispatchMs, isOverrun }: FlushReport): void {
    this.#flushServingMs.observe(servingMs);
    if (dispatchMs !== undefined) this.#dispatchLatencyMs.observe(dispatchMs);
    if (isOverrun) this.#flushOverruns.inc();
  }

  onReset(reason: string): void {
    this.#resets.inc({ reason });
  }

  onResumed(outcome: "success" | InvalidSessionReason): void {
    if (outcome === "success") this.#resumes.inc();
    else this.#resumesRefused.inc({ reason: outcome });
  }

  onResync(reason: ResyncReason | undefined): void {
    if (reason === "gap") this.#gaps.inc();
    if (reason === "drift") this.#drift.inc();
  }

  onMutation(outcome: "written" | "rejected", ms: number): void {
    this.#mutations.observe({ outcome }, ms);
  }

  /** A histogram that another part fills. */
  histogram<L extends string = never>(
    configuration: Omit<HistogramConfiguration<L>, "registers">,
  ): Histogram<L> {
    return new Histogram({ ...configuration, registers: [this.#registry] });
  }

  register(metrics: RegisteredMetrics): void {
    const registers = [this.#registry];
    for (const [name, { help, read }] of Object.entries(metrics.gauges)) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    }
    for (const [name, { help, read }] of Object.entries(metrics.channelGauges)) {
      new Gauge({
        name,
        help,
        registers,
        labelNames: ["channel"],
        collect() {
          this.reset();
          for (const [channel, value] of read()) this.set({ channel }, value);
        },
      });
    }
    for (const [name, { help, read }] of Object.entries(metrics.totals)) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    }
    for (const [name, { help, read }] of Object.entries(metrics.totalsByCode ?? {})) {
      new Counter({
        name,
        help,
        registers,
        labelNames: ["code"],
        collect() {
          this.reset();
          for (const [code, value] of read()) this.inc({ code }, value);
        },
      });
    }
  }

  has(name: string): boolean {
    return this.#registry.getSingleMetric(name) !== undefined;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.slice(-FIXED_LIMITS.recentBuildsMax).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
