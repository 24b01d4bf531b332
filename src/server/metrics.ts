/** What the server counts, for Prometheus. Gauges are read when scraped; no label is unbounded. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

const LATENCY_BUCKETS_MS = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384];

/** Values that are kept elsewhere, by metric name. */
export interface Readings {
  readonly gauges: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
  /** Per channel; the number of channels bounds the label. */
  readonly channelGauges: Readonly<Record<string, { readonly help: string; readonly read: () => Iterable<readonly [channel: string, value: number]> }>>;
  /** Totals that only grow. */
  readonly totals: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly dispatchLatencyMs: Histogram;
  readonly flushServingMs: Histogram;
  readonly snapshotBuildMs: Histogram;
  readonly flushOverruns: Counter;
  readonly resets: Counter<"reason">;

  constructor(readings: Readings) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.dispatchLatencyMs = new Histogram({
      name: "stream_v2_dispatch_latency_ms", registers, buckets: LATENCY_BUCKETS_MS,
      help: "From the oldest commit of a cut to the last session served with it.",
    });
    this.flushServingMs = new Histogram({
      name: "tidemark_flush_serving_ms", registers, buckets: LATENCY_BUCKETS_MS,
      help: "From a cut to the last session served with it.",
    });
    this.snapshotBuildMs = new Histogram({
      name: "snapshot_v2_build_ms", registers, buckets: LATENCY_BUCKETS_MS,
      help: "Building one snapshot, for a socket or for HTTP.",
    });
    this.flushOverruns = new Counter({
      name: "tidemark_flush_overruns_total", registers,
      help: "Cuts that could not be served within flushIntervalMaxMs.",
    });
    this.resets = new Counter({
      name: "tidemark_resets_total", registers, labelNames: ["reason"],
      help: "Subscriptions that had to start anew with a snapshot.",
    });
    for (const [name, { help, read }] of Object.entries(readings.gauges)) {
      new Gauge({ name, help, registers, collect() { this.set(read()); } });
    }
    for (const [name, { help, read }] of Object.entries(readings.channelGauges)) {
      new Gauge({
        name, help, registers, labelNames: ["channel"],
        collect() {
          this.reset();
          for (const [channel, value] of read()) this.set({ channel }, value);
        },
      });
    }
    for (const [name, { help, read }] of Object.entries(readings.totals)) {
      new Counter({ name, help, registers, collect() { this.reset(); this.inc(read()); } });
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
