/** Gauges of the application beside the server's own. */
import { TidemarkError } from "../../std/errors.ts";
import type { Metrics } from "./metrics.ts";

export interface OwnGauge {
  readonly help: string;
  /** The present value. While it throws, the gauge is NaN. */
  readonly read: () => number;
}

/** @throws TidemarkError `BAD_OPTION` for a name that is invalid or taken */
export function registerOwnGauges(
  metrics: Metrics,
  gauges: Readonly<Record<string, OwnGauge>>,
): void {
  for (const [name, { help, read }] of Object.entries(gauges)) {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) || metrics.has(name))
      throw new TidemarkError(
        "BAD_OPTION",
        `gauges["${name}"] can't be registered: the name must be one of Prometheus, and not one of the server's.`,
      );
    metrics.register({
      gauges: { [name]: { help, read: () => valueOf(read) } },
      channelGauges: {},
      totals: {},
    });
  }
}

/** The other metrics are scraped all the same. */
function valueOf(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}
