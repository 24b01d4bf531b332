/**
 * The rows of a query with history that a page has loaded: the beginning of the whole result, in
 * the query's order, complete down to its boundary. It decides which changes reach that part, and
 * where a further page belongs. Pure: the rows themselves are kept by the view.
 */
import type { Ranked, RankOrder } from "../../protocol/order.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { RowChanges } from "../port.ts";

/** A page of history, as far as the list needs it. */
export interface LoadedPage {
  readonly rows: readonly Row[];
  /** Whether rows follow the last one. */
  readonly hasMore: boolean;
}

export class HistoryList {
  readonly #key: readonly string[];
  readonly #order: RankOrder;
  #boundary: Ranked | undefined;
  /** Changes since a page was asked for, which may be newer than its rows; by key. */
  #newer: Map<string, Row | undefined> | undefined;

  constructor(key: readonly string[], order: RankOrder, first: LoadedPage) {
    this.#key = key;
    this.#order = order;
    this.#boundary = this.#end(first);
  }

  /** The last row of the part that is complete; undefined when that is the whole result. */
  get boundary(): Ranked | undefined {
    return this.#boundary;
  }

  /** The part of the server's changes that concerns the loaded rows. */
  follow({ upserts, removes }: RowChanges): RowChanges {
    const shown: Row[] = [];
    const gone = [...removes];
    for (const key of removes) this.#newer?.set(key, undefined);
    for (const row of upserts) {
      const key = this.#keyOf(row);
      this.#newer?.set(key, row);
      if (this.#isWithin(key, row)) shown.push(row);
      else gone.push(key);
    }
    return { upserts: shown, removes: gone };
  }

  /** A page is asked for: changes from here on may be newer than its rows. */
  beginPage(): void {
    this.#newer = new Map();
  }

  /**
   * Adds the page behind the boundary. The changes up to the page's seq have been followed, as have
   * later ones.
   */
  addPage(page: LoadedPage): RowChanges {
    const newer = this.#newer ?? new Map<string, Row | undefined>();
    this.#newer = undefined;
    this.#boundary = this.#end(page);
    const upserts = page.rows.filter((row) => !newer.has(this.#keyOf(row)));
    for (const [key, row] of newer)
      if (row !== undefined && this.#isWithin(key, row)) upserts.push(row);
    return { upserts, removes: [] };
  }

  /** The page could not be loaded. */
  dropPage(): void {
    this.#newer = undefined;
  }

  /** Rows from the end are no longer kept: `last` is the last one that is. */
  cutAt(key: string, row: Row): void {
    this.#boundary = { key, row };
  }

  #isWithin(key: string, row: Row): boolean {
    return this.#boundary === undefined || this.#order({ key, row }, this.#boundary) <= 0;
  }

  #end({ rows, hasMore }: LoadedPage): Ranked | undefined {
    const row = rows.at(-1);
    return hasMore && row !== undefined ? { key: this.#keyOf(row), row } : undefined;
  }

  #keyOf(row: Row): string {
    return keyOf(row, this.#key) ?? "";
  }
}
