/**
 * Which tables are read and which are held back: locked, altered, or with something in them that fails the read.
 * The channels of those are stale with the reason, the others go on, and each is tried again, one at a time, after
 * a pause that grows. Pure: when is told by the caller.
 */
import type { Table } from "./tables.ts";

interface Entry {
  readonly table: Table;
  /** Undefined while it is read. */
  readonly dueMs: number | undefined;
  /** The last pause, until it has been read again for a while. */
  readonly pauseMs: number;
  /** Its channel was told to be stale, and not yet to be live. */
  readonly isToldStale: boolean;
}

const PAUSE_BASE_MS = 500;

export class TableStates {
  readonly #pauseMsMax: number;
  readonly #entries: Map<number, Entry>;

  constructor(tables: readonly Table[], pauseMsMax: number) {
    this.#pauseMsMax = pauseMsMax;
    this.#entries = new Map(
      tables.map((table) => [
        table.oid,
        { table, dueMs: undefined, pauseMs: 0, isToldStale: false },
      ]),
    );
  }

  get all(): readonly Table[] {
    return Array.from(this.#entries.values(), ({ table }) => table);
  }

  get read(): readonly Table[] {
    return [...this.#entries.values()].flatMap(({ table, dueMs }) =>
      dueMs === undefined ? [table] : [],
    );
  }

  isRead(oid: number): boolean {
    const entry = this.#entries.get(oid);
    return entry !== undefined && entry.dueMs === undefined;
  }

  hold({ oid }: Table, nowMs: number): void {
    const entry = this.#entries.get(oid);
    if (entry === undefined) return;
    const pauseMs = Math.min(this.#pauseMsMax, Math.max(PAUSE_BASE_MS, entry.pauseMs * 2));
    this.#entries.set(oid, { ...entry, pauseMs, dueMs: nowMs + pauseMs, isToldStale: true });
  }

  /** The one that is due for the longest. */
  due(nowMs: number): Table | undefined {
    const [first] = [...this.#entries.values()]
      .filter(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs)
      .sort((left, right) => (left.dueMs ?? 0) - (right.dueMs ?? 0));
    return first?.table;
  }

  /** It is read from now on; its rows in the log are old until it is copied. */
  bringBack({ oid }: Table): void {
    const entry = this.#entries.get(oid);
    if (entry !== undefined) this.#entries.set(oid, { ...entry, dueMs: undefined });
  }

  /** It has been copied: returns whether its channel is to be told that it is live again. */
  copied({ oid }: Table): boolean {
    const entry = this.#entries.get(oid);
    if (entry === undefined || entry.dueMs !== undefined) return false;
    this.#entries.set(oid, { ...entry, pauseMs: 0, isToldStale: false });
    return entry.isToldStale;
  }
}
