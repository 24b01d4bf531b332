/**
 * What the store does not hold yet, as one page needs it: the rows that may be in the page, and the
 * keys whose stored rows no longer count.
 *
 * Retains at most the keys and bytes of its bounds.
 */
import { TidemarkError } from "../std/errors.ts";
import type { Row } from "../protocol/row.ts";
import type { HistoryEntry, StoredRow } from "./history.ts";
import { FIXED_HISTORY_LIMITS } from "./limits.ts";

export interface Ranked extends StoredRow {
  readonly row: Row;
}

export interface OverlayBounds {
  readonly overlayKeysMax: number;
  readonly overlayBytesMax: number;
}

export class Overlay {
  readonly #bounds: OverlayBounds;
  readonly #inPage: (row: Ranked) => boolean;
  readonly #rows = new Map<string, Ranked | undefined>();
  #bytes = 0;
  #reloadSeq: number | undefined;

  constructor(
    inPage: (row: Ranked) => boolean,
    { overlayKeysMax, overlayBytesMax }: OverlayBounds = FIXED_HISTORY_LIMITS,
  ) {
    this.#inPage = inPage;
    this.#bounds = { overlayKeysMax, overlayBytesMax };
  }

  /** By key: the newest version, or undefined for a row that is not in the page. */
  get rows(): ReadonlyMap<string, Ranked | undefined> {
    return this.#rows;
  }

  /** The last reload: none of the store's rows are left. */
  get reloadSeq(): number | undefined {
    return this.#reloadSeq;
  }

  /** @throws TidemarkError `NOT_READY` when it would retain too much */
  add({ kind, key, seq, timeMs, row, json }: HistoryEntry): void {
    if (kind === "reload") {
      this.#rows.clear();
      this.#bytes = 0;
      this.#reloadSeq = seq;
      return;
    }
    this.#bytes -= this.#rows.get(key)?.json.length ?? 0;
    const ranked =
      row === undefined || json === undefined ? undefined : { key, json, seq, timeMs, row };
    const kept = ranked !== undefined && this.#inPage(ranked) ? ranked : undefined;
    this.#rows.set(key, kept);
    this.#bytes += kept?.json.length ?? 0;
    const { overlayKeysMax, overlayBytesMax } = this.#bounds;
    if (this.#rows.size <= overlayKeysMax && this.#bytes <= overlayBytesMax) return;
    throw new TidemarkError(
      "NOT_READY",
      "The history store is too far behind for a page of history. Try again.",
    );
  }
}
