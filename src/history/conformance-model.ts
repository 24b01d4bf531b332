/** A history in memory, recomputed from its whole change log for each answer: slow and plain. */
import { compareTexts } from "../protocol/column.ts";
import { compileOrder, type Ranked } from "../protocol/order.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { HistoryEntry, PageQuery, StoredRow } from "./history.ts";

export class HistoryModel {
  #entries: HistoryEntry[] = [];

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  write(entries: readonly HistoryEntry[]): void {
    this.#entries.push(...entries);
  }

  /** The entry that each key of a channel ends with, as of a seq, in the order of the log. */
  rowsAsOf(channel: string, asOf: number): readonly HistoryEntry[] {
    const rows = new Map<string, HistoryEntry>();
    for (const entry of this.#entries) {
      if (entry.channel !== channel || entry.seq > asOf) continue;
      if (entry.kind === "reload") rows.clear();
      else rows.delete(entry.key);
      if (entry.kind === "upsert") rows.set(entry.key, entry);
    }
    return [...rows.values()];
  }

  /** All rows that a query means, in order, without its limit. */
  page(query: PageQuery): readonly StoredRow[] {
    const context = whereContextOf(query.channel);
    const matches = query.where === undefined ? () => true : compileWhere(query.where, context);
    const compare = compileOrder(query.orderBy, context);
    const { after, beforeSeq = Number.POSITIVE_INFINITY } = query;
    return this.rowsAsOf(query.channel.name, query.asOf)
      .filter(({ row = {}, seq }) => seq < beforeSeq && matches(row))
      .map((entry): Ranked & { readonly entry: HistoryEntry } => ({
        key: entry.key,
        row: entry.row ?? {},
        entry,
      }))
      .filter((ranked) => after === undefined || compare(ranked, after) > 0)
      .sort(compare)
      .map(({ entry }) => storedRow(entry));
  }

  newest(channel: string, asOf = Number.POSITIVE_INFINITY): readonly StoredRow[] {
    return this.rowsAsOf(channel, asOf).toReversed().map(storedRow);
  }

  /** The same rows by the time of their arrival, newest first. */
  newestArrivals(channel: string, asOf = Number.POSITIVE_INFINITY): readonly StoredRow[] {
    const arrivals = new Map<string, HistoryEntry>();
    for (const entry of this.#entries) {
      if (entry.channel !== channel || entry.seq > asOf) continue;
      if (entry.kind === "reload") arrivals.clear();
      else if (entry.kind === "remove") arrivals.delete(entry.key);
      // A key that is set again keeps its place in a map.
      else arrivals.set(entry.key, entry);
    }
    return [...arrivals.values()].toReversed().map(storedRow);
  }

  changes(channels: readonly string[], after: number, through: number): readonly HistoryEntry[] {
    return this.#entries.filter(
      ({ channel, seq }) => channels.includes(channel) && seq > after && seq <= through,
    );
  }

  /** Forgets as `HistoryStore.trim` describes it. */
  trim({ name, bounds }: ChannelDeclaration, cutoff: number): void {
    const newestFirst = this.rowsAsOf(name, Number.POSITIVE_INFINITY).toReversed();
    const live = new Set(newestFirst.slice(0, bounds.rowsMax));
    const asOfCutoff = new Set(this.rowsAsOf(name, cutoff));
    const current = new Set(newestFirst);
    this.#entries = this.#entries.filter((entry) => {
      if (entry.channel !== name || entry.seq >= cutoff) return true;
      if (!asOfCutoff.has(entry)) return false;
      return !current.has(entry) || live.has(entry);
    });
  }
}

export function storedRow({ key, json = "", seq, timeMs }: HistoryEntry): StoredRow {
  return { key, json, seq, timeMs };
}

export function byKey(left: StoredRow, right: StoredRow): number {
  return compareTexts(left.key, right.key);
}
