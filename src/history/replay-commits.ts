/** Entries of the change log as the commits that they came from. */
import type { ChannelChange, Commit, KeyedRow } from "../log/log.ts";
import type { Row } from "../protocol/row.ts";
import type { HistoryEntry } from "./history.ts";

interface Change {
  readonly channel: string;
  readonly upserts: KeyedRow[];
  readonly removes: string[];
  isReload: boolean;
}

/** A commit that waits for its time. */
export type StoredCommit = Pick<Commit, "seq" | "timeMs" | "changes"> & { readonly rows: number };

/** The commits of whole seqs, in the order of the log. */
export function commitsOf(entries: readonly HistoryEntry[]): readonly StoredCommit[] {
  const commits: StoredCommit[] = [];
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const { seq, timeMs } = entries[start] as HistoryEntry;
    while (entries[end]?.seq === seq) end++;
    const changes = changesOf(entries.slice(start, end));
    commits.push({ seq, timeMs, changes, rows: end - start });
  }
  return commits;
}

function changesOf(entries: readonly HistoryEntry[]): readonly ChannelChange[] {
  const changes = new Map<string, Change>();
  for (const { channel, kind, key, row, json } of entries) {
    let change = changes.get(channel);
    if (change === undefined) {
      change = { channel, upserts: [], removes: [], isReload: false };
      changes.set(channel, change);
    }
    if (kind === "reload") change.isReload = true;
    else if (kind === "remove") change.removes.push(key);
    else change.upserts.push(keyedRow(key, row, json));
  }
  return [...changes.values()].map(({ isReload, ...change }) =>
    isReload ? { ...change, reload: true } : change,
  );
}

function keyedRow(key: string, row: Row | undefined, json: string | undefined): KeyedRow {
  const value = row ?? (JSON.parse(json ?? "{}") as Row);
  return json === undefined ? { key, row: value } : { key, row: value, json };
}
