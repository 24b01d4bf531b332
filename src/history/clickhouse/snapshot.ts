/**
 * What queries may see of the tables: the entries up to a seq that are durable, without those of
 * writers that were replaced.
 */
import { tableSql, type ChannelTable } from "./channel-table.ts";
import type { Epoch } from "./state-table.ts";

export interface Snapshot {
  readonly database: string;
  readonly epochs: readonly Epoch[];
  /** The durable seq. */
  readonly seq: number;
}

/** SQL that is true for the entries of a table up to a seq. */
export function entriesSql({ epochs, seq }: Snapshot, asOf = seq): string {
  const through = Math.min(asOf, seq);
  // What an epoch did not find when it began, only it and later ones can have written.
  const written = epochs
    .filter(({ startSeq }) => startSeq < through)
    .map(({ epoch, startSeq }) => ` AND (_seq <= ${startSeq} OR _epoch >= ${epoch})`);
  return `_seq <= ${through}${written.join("")}`;
}

/** SQL that is true for the versions and removals that no reload up to `asOf` has ended. */
export function versionsSql(table: ChannelTable, snapshot: Snapshot, asOf: number): string {
  const entries = entriesSql(snapshot, asOf);
  const name = tableSql(snapshot.database, table.name);
  return `${entries} AND _kind != 'reload' AND _seq >= (
    SELECT max(_seq) FROM ${name} WHERE _kind = 'reload' AND ${entries})`;
}
