/** Connects the metrics to all parts of a server, the application's gauges last. */
import type { Clock } from "../../std/clock.ts";
import type { Engine } from "../engine.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Metrics } from "./metrics.ts";
import { registerOwnGauges, type OwnGauge } from "./own-gauges.ts";
import { registerIngest } from "./register-ingest.ts";
import { registerMetrics } from "./register-metrics.ts";
import { Telemetry } from "./telemetry.ts";

interface Measured {
  readonly engine: Engine;
  readonly ingest: Ingest;
  readonly clock: Clock;
}

interface MeasuringOptions {
  readonly gauges?: Readonly<Record<string, OwnGauge>>;
  readonly telemetry?: boolean;
}

/**
 * Returns what takes the reports of pages, if the server does.
 * @throws TidemarkError `BAD_OPTION` for a name of the application's gauges
 */
export function registerAll(
  metrics: Metrics,
  { engine, ingest, clock }: Measured,
  { gauges = {}, telemetry: takesReports = false }: MeasuringOptions,
): Telemetry | undefined {
  registerMetrics(metrics, engine);
  registerIngest(metrics, ingest);
  const sessionsMax = engine.limits.connectionsMax;
  const telemetry = takesReports ? new Telemetry({ metrics, clock, sessionsMax }) : undefined;
  registerOwnGauges(metrics, gauges);
  return telemetry;
}
