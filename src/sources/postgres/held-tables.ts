/**
 * Tables that can't be read at the moment, and why: locked, altered, or with something in them that fails the
 * read. Their channels are stale with the reason, the others go on, and each is tried again after a pause that
 * grows. Pure: when is told by the caller.
 */
import type { Table } from "./tables.ts";

interface Held {
  readonly table: Table;
  readonly reason: string;
  /** Not tried again before; undefined for one that is not what it was, until the server is restarted. */
  readonly dueMs: number | undefined;
  readonly pauseMs: number;
}

const PAUSE_BASE_MS = 500;

export class HeldTables {
  readonly #pauseMsMax: number;
  readonly #held = new Map<number, Held>();
  /** The pauses of tables that were tried again, until they have stayed. */
  readonly #pauses = new Map<number, number>();

  constructor(pauseMsMax: number) {
    this.#pauseMsMax = pauseMsMax;
  }

  hold(table: Table, reason: string, nowMs: number): void {
    const pauseMs = Math.min(this.#pauseMsMax, (this.#pauses.get(table.oid) ?? PAUSE_BASE_MS / 2) * 2);
    this.#pauses.set(table.oid, pauseMs);
    this.#held.set(table.oid, { table, reason, dueMs: nowMs + pauseMs, pauseMs });
  }

  /** For good: its shape is another, and the channel was declared with the one before. */
  letGo(table: Table, reason: string): void {
    this.#held.set(table.oid, { table, reason, dueMs: undefined, pauseMs: 0 });
  }

  has(oid: number): boolean {
    return this.#held.has(oid);
  }

  /** Takes out those that are due, to be tried. */
  takeDue(nowMs: number): readonly Table[] {
    const due = [...this.#held.values()].filter(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs);
    for (const { table } of due) this.#held.delete(table.oid);
    return due.map(({ table }) => table);
  }

  /** Reading works again. */
  settled(table: Table): void {
    this.#pauses.delete(table.oid);
  }
}
