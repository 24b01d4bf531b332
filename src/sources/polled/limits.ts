/** Limits of polled sources, with what happens when one is full. `polled({ limits })` sets them. */
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface PolledLimits {
  /** How long one run may take, in milliseconds, until its signal aborts. Default 30,000. */
  readonly timeoutMs: number;
  /** Rows of one result. More: the channel is stale, with the reason. Default 100,000. */
  readonly rowsMax: number;
  /**
   * Values of the parameter that are polled. More are not polled while these are watched, and the
   * channel is stale, with the reason. Default 64.
   */
  readonly parametersMax: number;
  /** Runs at the same time; the others wait. Default 4. */
  readonly runsMax: number;
  /** The longest pause after failed runs, in milliseconds; the first is `every`. Default 60,000. */
  readonly retryMsMax: number;
  /** How long a query is polled after the last view of it has gone. Default 60,000. */
  readonly warmMs: number;
}

const DEFAULTS: PolledLimits = {
  timeoutMs: 30_000,
  rowsMax: 100_000,
  parametersMax: 64,
  runsMax: 4,
  retryMsMax: 60_000,
  warmMs: 60_000,
};

/** Limits that can't be set. */
export const FIXED_POLLED_LIMITS = {
  /** How often freshness is appended when nothing changes, in milliseconds. */
  asOfIntervalMs: 1_000,
  /** First and longest pause after the log took no commit, in milliseconds. */
  appendRetryMs: 100,
  appendRetryMsMax: 5_000,
} as const;

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function polledLimits(given?: Partial<PolledLimits>): PolledLimits {
  return limitsOf("limits", DEFAULTS, given, [
    ...atLeast<PolledLimits>(1, "timeoutMs", "rowsMax", "parametersMax", "runsMax", "retryMsMax"),
  ]);
}
