/**
 * The rows of a table as the log has them, so that a read of the whole table appends only what
 * differs. Messages that arrive while a read runs lie on top of its rows: the read may have begun
 * before them. Retains the text of at most `rowsMax` rows, shared with the live table.
 */
import type { KeyedRow } from "../../log/log.ts";
import type { Row } from "../../protocol/row.ts";

/** What a read changes. */
export interface ReadChange {
  /** `upserts` is the whole new content. */
  readonly isReload: boolean;
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
}

export class KnownRows {
  readonly #rowsMax: number;
  /** Undefined before the first read, and when there were too many rows. */
  #texts: Map<string, string> | undefined;
  /** What messages have changed since the running read began. */
  #since: Map<string, KeyedRow | undefined> | undefined;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** A read begins. */
  begin(): void {
    this.#since = new Map();
  }

  /**
   * A message has changed these rows. Returns false when the running read can't be used any more,
   * because too many rows have changed since it began.
   */
  note(upserts: readonly KeyedRow[], removes: readonly string[]): boolean {
    for (const key of removes) this.#texts?.delete(key);
    for (const row of upserts) this.#texts?.set(row.key, textOf(row));
    if ((this.#texts?.size ?? 0) > this.#rowsMax) this.#texts = undefined;
    if (this.#since === undefined) return true;
    for (const key of removes) this.#since.set(key, undefined);
    for (const row of upserts) this.#since.set(row.key, row);
    if (this.#since.size <= this.#rowsMax) return true;
    this.#since = undefined;
    return false;
  }

  /** The running read has failed. */
  abandon(): void {
    this.#since = undefined;
  }

  /** The read has ended with these rows. Undefined when it can't be used. */
  finish(rows: readonly KeyedRow[]): ReadChange | undefined {
    const since = this.#since;
    this.#since = undefined;
    if (since === undefined) return undefined;
    const next = new Map(rows.map((row) => [row.key, row]));
    for (const [key, row] of since) {
      if (row === undefined) next.delete(key);
      else next.set(key, row);
    }
    const known = this.#texts;
    this.#texts = new Map(Array.from(next, ([key, row]) => [key, textOf(row)]));
    if (known === undefined) return { isReload: true, upserts: [...next.values()], removes: [] };
    return {
      isReload: false,
      upserts: Array.from(next.values()).filter((row) => known.get(row.key) !== textOf(row)),
      removes: Array.from(known.keys()).filter((key) => !next.has(key)),
    };
  }
}

function textOf({ row, json = JSON.stringify(row) }: KeyedRow): string {
  return json;
}

/**
 * The row with its fields in the order of their names: rows of messages and of reads are then
 * equal as texts when they are equal.
 */
export function inOneOrder({ key, row }: KeyedRow): KeyedRow {
  const sorted: Row = Object.fromEntries(
    Object.entries(row).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
  return { key, row: sorted, json: JSON.stringify(sorted) };
}
