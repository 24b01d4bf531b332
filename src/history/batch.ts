/** Consecutive steps of the log as a batch for the store, and the declarations before it. */
import { TidemarkError } from "../std/errors.ts";
import type { HistoryBatch, HistoryStore, StoredChannel } from "./history.ts";
import type { HistoryStep } from "./step.ts";

/** At least one step. Channels that the store can't keep are left out. */
export function batchOf(
  steps: readonly HistoryStep[],
  after: number,
  leftOut: ReadonlySet<string> = new Set(),
): HistoryBatch {
  const { seq, timeMs } = steps.at(-1) as HistoryStep;
  return {
    after,
    seq,
    timeMs,
    entries: steps.flatMap(({ entries }) => entries).filter(({ channel }) => !leftOut.has(channel)),
    // The last one of each source.
    sourcePositions: [...new Map(steps.flatMap(({ sourcePositions }) => sourcePositions))],
    requestIds: steps.flatMap(({ requestIds }) => requestIds),
  };
}

/**
 * Declares channels, and keeps the names of those that the store can't keep. Returns these with the
 * reasons.
 */
export async function declareAll(
  store: HistoryStore,
  declares: readonly StoredChannel[],
  leftOut: Set<string>,
): Promise<readonly (readonly [channel: string, error: TidemarkError])[]> {
  const refused: (readonly [string, TidemarkError])[] = [];
  for (const declared of declares) {
    const { name } = declared.channel;
    try {
      await store.declare(declared);
      leftOut.delete(name);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "BAD_OPTION") throw error;
      leftOut.add(name);
      refused.push([name, error]);
    }
  }
  return refused;
}
