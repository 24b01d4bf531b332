/**
 * A source that begins anew sends its tables whole, and most rows are as they were. Before a
 * reload is stored it becomes what it changes: upserts of rows that differ, removes of keys that
 * are gone. Rows that stay the same keep their version and its seq, as in the live tables.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { HistoryEntry, HistoryStore } from "./history.ts";
import type { HistoryStep } from "./step.ts";

interface Stored {
  readonly store: HistoryStore;
  /** The store's durable seq: everything before the step is stored, and nothing of the step. */
  readonly seq: number;
}

export interface StoredBefore extends Stored {
  /** Undefined for a channel that the store does not keep. */
  readonly channelOf: (name: string) => ChannelDeclaration | undefined;
}

interface Compared extends Stored {
  readonly channel: ChannelDeclaration;
}

/** Whether the step reloads a channel: then the store must hold everything before it. */
export function isReload({ entries }: HistoryStep): boolean {
  return entries.some(({ kind }) => kind === "reload");
}

/** Retains at most the keys of the step's reloads, as many more, and one batch of a scan. */
export async function withoutUnchangedRows(
  step: HistoryStep,
  { store, seq, channelOf }: StoredBefore,
): Promise<HistoryStep> {
  let { entries } = step;
  const reloads = entries.filter(({ kind }) => kind === "reload");
  for (const name of new Set(reloads.map(({ channel }) => channel))) {
    const channel = channelOf(name);
    if (channel === undefined) continue;
    const own = entries.filter((entry) => entry.channel === name);
    const changed = await changesOf(own, { store, seq, channel });
    if (changed === undefined) continue;
    entries = [...entries.filter((entry) => entry.channel !== name), ...changed];
  }
  return entries === step.entries ? step : { ...step, entries };
}

/** Undefined where the whole reload has fewer entries than its changes, or can't be compared. */
async function changesOf(
  entries: readonly HistoryEntry[],
  { store, channel: stored, seq: asOf }: Compared,
): Promise<readonly HistoryEntry[] | undefined> {
  const [{ channel, seq, timeMs }] = entries as readonly [HistoryEntry];
  const upserts = entries.filter(({ kind }) => kind === "upsert");
  const jsonOf = new Map(upserts.map(({ key, json }) => [key, json]));
  const unchanged = new Set<string>();
  const gone: string[] = [];
  try {
    for await (const rows of store.scan({ channel: stored, asOf })) {
      for (const { key, json } of rows) {
        const known = jsonOf.get(key);
        if (known === undefined) gone.push(key);
        else if (known === json) unchanged.add(key);
      }
      // Each row that stays the same saves one entry, each that is gone costs one.
      if (gone.length > upserts.length) return undefined;
    }
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "QUERY_TOO_COSTLY") return undefined;
    throw error;
  }
  if (gone.length > unchanged.size) return undefined;
  return [
    ...upserts.filter(({ key }) => !unchanged.has(key)),
    ...gone.map((key): HistoryEntry => ({ channel, kind: "remove", key, seq, timeMs })),
  ];
}
