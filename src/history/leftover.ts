/** Stores what an earlier process has left in its spill. */
import type { HistoryStore } from "./history.ts";
import type { Spill } from "./spill.ts";
import type { HistoryStep } from "./step.ts";
import { batchOf } from "./batch.ts";

/** Returns how many steps were stored. */
export async function storeLeftover(
  spill: Spill,
  store: HistoryStore,
  storedSeq: number,
  batchRowsMax: number,
): Promise<number> {
  let after = storedSeq;
  let count = 0;
  let steps: HistoryStep[] = [];
  let rows = 0;
  const write = async (): Promise<void> => {
    const last = steps.at(-1);
    if (last === undefined) return;
    for (const stored of steps[0]?.declares ?? []) await store.declare(stored);
    await store.write(batchOf(steps, after));
    after = last.seq;
    count += steps.length;
    steps = [];
    rows = 0;
  };
  for await (const step of spill.leftover(storedSeq)) {
    if (step.declares.length > 0 || rows + step.entries.length > batchRowsMax) await write();
    steps.push(step);
    rows += step.entries.length;
  }
  await write();
  return count;
}
