/**
 * When the reader reads next. Pure.
 *
 *   polling ──few transactions for `sleepAfterMs`──▶ asleep: writers notify, and each wakes a read
 *      ◀─more transactions than may notify, or one that did not─┘
 *
 * Transactions that notify commit one after another: Postgres locks the queue of NOTIFY until the
 * commit is durable. So they notify only while that lock is held for a small share of the time.
 * Otherwise the reader polls, which costs writers nothing.
 */
import type { PostgresLimits } from "./limits.ts";
import type { Pause } from "./wakeup.ts";

export interface Pace extends Pause {
  readonly isAsleep: boolean;
  /** Transactions lately, less those that may notify: a bucket that drains at that rate. */
  readonly excess: number;
  readonly readAtMs: number;
  readonly pollingSinceMs: number;
}

export interface PacedRead {
  /** Changed keys. */
  readonly changes: number;
  /** Transactions that have notified since the former read. */
  readonly notices: number;
  readonly nowMs: number;
  readonly readMs: number;
  /** How long a transaction's commit takes, as the reader measures it. */
  readonly commitMs: number;
  /** False where NOTIFY would not reach every reader. */
  readonly maySleep: boolean;
}

type PacingLimits = Pick<
  PostgresLimits,
  | "pollMs"
  | "pollRestFactor"
  | "pollBusyMsMax"
  | "pollIdleMsMax"
  | "sleepAfterMs"
  | "pollAsleepMs"
  | "notifyShareMax"
  | "notifyPerSecondMax"
  | "notifyBurstMax"
>;

export function firstPace(nowMs: number, { pollMs }: PacingLimits): Pace {
  return {
    restMs: 0,
    delayMs: pollMs,
    isAsleep: false,
    excess: 0,
    readAtMs: nowMs,
    pollingSinceMs: nowMs,
  };
}

export function nextPace(pace: Pace, read: PacedRead, limits: PacingLimits): Pace {
  const { nowMs, changes, notices } = read;
  const { notifyBurstMax, sleepAfterMs } = limits;
  const drained = ((nowMs - pace.readAtMs) / 1_000) * notifiesPerSecond(read, limits);
  const found = pace.isAsleep ? notices : changes;
  const excess = Math.min(notifyBurstMax, Math.max(0, pace.excess - drained) + found);
  const isBusy = excess >= notifyBurstMax;
  // The read that follows falling asleep finds transactions from before.
  const isUnannounced = pace.delayMs > 0 && changes > 0 && notices === 0;
  const pollingSinceMs = isBusy || pace.isAsleep ? nowMs : pace.pollingSinceMs;
  const isQuiet = excess < 1 && nowMs - pollingSinceMs >= sleepAfterMs;
  const isAsleep = read.maySleep && (pace.isAsleep ? !isBusy && !isUnannounced : isQuiet);
  const pause = isAsleep ? asleepPause(pace, read, limits) : pollPause(pace, read, limits);
  return { ...pause, isAsleep, excess, readAtMs: nowMs, pollingSinceMs };
}

/** How many transactions a second may notify. */
function notifiesPerSecond({ commitMs }: PacedRead, limits: PacingLimits): number {
  return Math.min(limits.notifyPerSecondMax, (1_000 * limits.notifyShareMax) / commitMs);
}

/**
 * Falling asleep, the reader reads once more at once, and then ever more rarely: transactions that
 * were open before may not have seen that they should notify.
 */
function asleepPause(pace: Pace, read: PacedRead, limits: PacingLimits): Pause {
  if (!pace.isAsleep) return { restMs: 0, delayMs: 0 };
  const { pollAsleepMs, pollIdleMsMax } = limits;
  return {
    restMs: read.changes > 0 ? restMs(read, limits) : 0,
    delayMs: Math.min(pollAsleepMs, Math.max(pollIdleMsMax, pace.delayMs * 2)),
  };
}

function pollPause(pace: Pace, read: PacedRead, limits: PacingLimits): Pause {
  const isEmpty = read.changes === 0 && !pace.isAsleep;
  const delayMs = isEmpty ? Math.min(limits.pollIdleMsMax, pace.delayMs * 2) : restMs(read, limits);
  return { restMs: 0, delayMs };
}

/** While changes come, so that a read has those of several transactions. */
function restMs({ readMs }: PacedRead, limits: PacingLimits): number {
  const { pollMs, pollRestFactor, pollBusyMsMax } = limits;
  return Math.min(pollBusyMsMax, Math.max(pollMs, readMs * pollRestFactor));
}
