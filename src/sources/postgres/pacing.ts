/** When the reader reads next: fast while changes come, slower when they stop, asleep after a while. Pure. */
import type { PostgresLimits } from "./limits.ts";

export interface Pace {
  readonly delayMs: number;
  /** Since when nothing has changed. */
  readonly quietSinceMs: number;
  readonly isAsleep: boolean;
}

type PacingLimits = Pick<
  PostgresLimits,
  "pollMs" | "pollBusyMsMax" | "pollIdleMsMax" | "sleepAfterMs" | "pollAsleepMs"
>;

export function firstPace(nowMs: number, { pollMs }: PacingLimits): Pace {
  return { delayMs: pollMs, quietSinceMs: nowMs, isAsleep: false };
}

/** While changes come, each read is followed by a rest of this many times its own length. */
const REST_FACTOR = 6;

/** `maySleep` is false where other readers would be left without a bell. */
export function nextPace(
  pace: Pace,
  read: {
    readonly changes: number;
    readonly nowMs: number;
    readonly readMs: number;
    readonly maySleep: boolean;
  },
  limits: PacingLimits,
): Pace {
  if (read.changes > 0) {
    const delayMs = Math.min(
      limits.pollBusyMsMax,
      Math.max(limits.pollMs, read.readMs * REST_FACTOR),
    );
    return { delayMs, quietSinceMs: read.nowMs, isAsleep: false };
  }
  const isAsleep = read.maySleep && read.nowMs - pace.quietSinceMs >= limits.sleepAfterMs;
  const delayMs = isAsleep ? limits.pollAsleepMs : Math.min(limits.pollIdleMsMax, pace.delayMs * 2);
  return { delayMs, quietSinceMs: pace.quietSinceMs, isAsleep };
}
