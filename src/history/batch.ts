/** Consecutive steps of the log as a batch for the store. */
import type { HistoryBatch } from "./history.ts";
import type { HistoryStep } from "./step.ts";

/** At least one step. */
export function batchOf(steps: readonly HistoryStep[], after: number): HistoryBatch {
  const { seq, timeMs } = steps.at(-1) as HistoryStep;
  return {
    after,
    seq,
    timeMs,
    entries: steps.flatMap(({ entries }) => entries),
    // The last one of each source.
    sourcePositions: [...new Map(steps.flatMap(({ sourcePositions }) => sourcePositions))],
    requestIds: steps.flatMap(({ requestIds }) => requestIds),
  };
}
