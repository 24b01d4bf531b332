/**
 * Counts the rows of each table from captured changes, and turns these into changes of channels.
 */
import type { ChannelChange, KeyedRow } from "../../log/log.ts";
import type { ReadChange } from "./statements.ts";
import type { Table } from "./tables.ts";

export class TableTotals {
  readonly #totals = new Map<number, number>();

  set({ oid }: Table, total: number): void {
    this.#totals.set(oid, total);
  }

  changesOf(changes: readonly ReadChange[]): readonly ChannelChange[] {
    const byTable = new Map<
      Table,
      { upserts: Map<string, KeyedRow>; removes: Set<string>; delta: number }
    >();
    for (const { table, key, delta, row } of changes) {
      let gathered = byTable.get(table);
      if (gathered === undefined)
        byTable.set(table, (gathered = { upserts: new Map(), removes: new Set(), delta: 0 }));
      gathered.delta += delta;
      // The row's key has a different text now, so the captured key is removed.
      if (row !== undefined) gathered.upserts.set(row.key, row);
      if (key !== undefined && key !== row?.key) gathered.removes.add(key);
    }
    return [...byTable].map(([table, { upserts, removes, delta }]) => {
      const total = Math.max(0, (this.#totals.get(table.oid) ?? 0) + delta);
      this.#totals.set(table.oid, total);
      return {
        channel: table.channel,
        upserts: [...upserts.values()],
        removes: [...removes].filter((key) => !upserts.has(key)),
        total,
      };
    });
  }
}
