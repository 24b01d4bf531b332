/**
 * Counts entries that were trimmed or deleted before they were read. Redis skips them silently;
 * but it counts all entries that were ever added, and this counts all that were read.
 */
import { compareIds } from "./stream-id.ts";

/** What Redis says of a stream. */
export interface StreamInfo {
  /** Entries that were ever added; undefined before Redis 7, where gaps are not noticed. */
  readonly added: number | undefined;
  /** Entries that are there. */
  readonly length: number;
  /** The id of the first entry; undefined where there is none. */
  readonly firstId: string | undefined;
  readonly lastId: string;
}

export class StreamGaps {
  /** Entries added up to the last one that was read, as far as known. */
  #known: number | undefined;

  /** `count` entries of the stream have been read, or had gone, before the next read. */
  begin(count: number | undefined): void {
    this.#known = count;
  }

  read(count: number): void {
    if (this.#known !== undefined) this.#known += count;
  }

  /** The number of entries that were lost since the last call. `readTo` is the last one read. */
  look({ added, length, firstId, lastId }: StreamInfo, readTo: string): number {
    if (added === undefined) return 0;
    const isAllRead = compareIds(readTo, lastId) >= 0;
    const isNoneRead = firstId === undefined || compareIds(readTo, firstId) < 0;
    // Between the two, Redis does not say how many of its entries have been read.
    if (!isAllRead && !isNoneRead) return 0;
    const passed = isAllRead ? added : added - length;
    const lost = this.#known === undefined ? 0 : passed - this.#known;
    this.#known = passed;
    return Math.max(0, lost);
  }
}
