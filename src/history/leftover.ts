/** Stores what an earlier process has left in its spill. */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { HistoryStore, StoredState } from "./history.ts";
import type { Spill } from "./spill.ts";
import type { HistoryStep } from "./step.ts";
import { batchOf, declareAll } from "./batch.ts";
import { isReload, withoutUnchangedRows } from "./unchanged-rows.ts";

/** Returns how many steps were stored. */
export async function storeLeftover(
  spill: Spill,
  store: HistoryStore,
  stored: StoredState,
  batchRowsMax: number,
): Promise<number> {
  const channels = new Map(stored.channels.map(({ channel }) => [channel.name, channel]));
  const channelOf = (name: string): ChannelDeclaration | undefined =>
    leftOut.has(name) ? undefined : channels.get(name);
  const leftOut = new Set<string>();
  let after = stored.seq;
  let count = 0;
  let steps: HistoryStep[] = [];
  let rows = 0;
  const write = async (): Promise<void> => {
    const [first, ...rest] = steps;
    const last = steps.at(-1);
    if (first === undefined || last === undefined) return;
    // The log declares them again, and then the channel's status tells it.
    await declareAll(store, first.declares, leftOut);
    for (const { channel } of first.declares)
      if (!leftOut.has(channel.name)) channels.set(channel.name, channel);
    const changed = await withoutUnchangedRows(first, { store, seq: after, channelOf });
    await store.write(batchOf([changed, ...rest], after, leftOut));
    after = last.seq;
    count += steps.length;
    steps = [];
    rows = 0;
  };
  for await (const step of spill.leftover(stored.seq)) {
    const isFirst = step.declares.length > 0 || isReload(step);
    if (isFirst || rows + step.entries.length > batchRowsMax) await write();
    steps.push(step);
    rows += step.entries.length;
  }
  await write();
  return count;
}
