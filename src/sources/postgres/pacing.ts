/**
 * When the reader reads next: fast while changes come, slower when they stop, asleep after a while.
 * Pure.
 */
import type { PostgresLimits } from "./limits.ts";

export interface Pace {
  readonly delayMs: number;
  /** When something changed last. */
  readonly quietSinceMs: number;
  readonly isAsleep: boolean;
}

type PacingLimits = Pick<
  PostgresLimits,
  "pollMs" | "pollRestFactor" | "pollBusyMsMax" | "pollIdleMsMax" | "sleepAfterMs" | "pollAsleepMs"
>;

export function firstPace(nowMs: number, { pollMs }: PacingLimits): Pace {
  return { delayMs: pollMs, quietSinceMs: nowMs, isAsleep: false };
}

/** `maySleep` is false where NOTIFY would not reach every reader. */
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
      Math.max(limits.pollMs, read.readMs * limits.pollRestFactor),
    );
    return { delayMs, quietSinceMs: read.nowMs, isAsleep: false };
  }
  const isAsleep = read.maySleep && read.nowMs - pace.quietSinceMs >= limits.sleepAfterMs;
  const delayMs = isAsleep ? limits.pollAsleepMs : Math.min(limits.pollIdleMsMax, pace.delayMs * 2);
  return { delayMs, quietSinceMs: pace.quietSinceMs, isAsleep };
}
