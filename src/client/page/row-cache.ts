/**
 * Single rows over HTTP, for the details that a page opens: kept for a limited time, a limited
 * number of them, the least recently used dropped first.
 */
import type { Clock } from "../../std/clock.ts";
import type { Row } from "../../protocol/row.ts";
import type { ClientLimits } from "../limits.ts";
import { bodyOf, type Answer } from "./page-requests.ts";
import type { UiMeter } from "./ui-metrics.ts";

/** One row, and when it last changed. */
export interface RowAnswer<R = Row> {
  readonly row: R;
  readonly epoch: string;
  /** The commit that last changed the row, and its time in Unix milliseconds. */
  readonly seq: number;
  readonly committedMs: number;
  /** The server's newest commit at the time of the answer. */
  readonly asOfSeq: number;
}

/** The row's form on the wire. */
interface WireRowAnswer {
  readonly row: Row;
  readonly epoch: string;
  readonly seq: number;
  readonly committed_unix_ms: number;
  readonly as_of_seq: number;
}

export interface RowCacheOptions {
  readonly ui: UiMeter;
  readonly fetch: (url: string, signal: AbortSignal | undefined) => Promise<Answer>;
  readonly clock: Clock;
  readonly limits: Pick<ClientLimits, "rowCacheMax" | "rowCacheMs">;
}

export class RowCache {
  readonly #options: RowCacheOptions;
  #kept = new Map<string, { readonly answer: RowAnswer; readonly atMs: number }>();

  constructor(options: RowCacheOptions) {
    this.#options = options;
  }

  /** Rights may have changed: kept answers and those under way are not used for later calls. */
  forget(): void {
    this.#kept = new Map();
  }

  /**
   * @throws TidemarkError `UNKNOWN_ROW`, `FORBIDDEN`, … as the server says; `STOPPED` when no
   * answer came
   */
  async row(channel: string, key: string, signal: AbortSignal | undefined): Promise<RowAnswer> {
    const { clock, ui } = this.#options;
    const startMs = clock.monotonic();
    const path = `${encodeURIComponent(channel)}/${encodeURIComponent(key)}`;
    const answer = await this.#get(`/rows/${path}`, signal);
    ui.noteRow(clock.monotonic() - startMs);
    return answer;
  }

  async #get(url: string, signal: AbortSignal | undefined): Promise<RowAnswer> {
    const { clock, limits, fetch } = this.#options;
    const kept = this.#kept;
    const known = kept.get(url);
    kept.delete(url);
    if (known !== undefined && clock.monotonic() - known.atMs <= limits.rowCacheMs) {
      kept.set(url, known);
      return known.answer;
    }
    const { row, epoch, seq, committed_unix_ms, as_of_seq } = bodyOf<WireRowAnswer>(
      await fetch(url, signal),
    );
    const answer = { row, epoch, seq, committedMs: committed_unix_ms, asOfSeq: as_of_seq };
    kept.set(url, { answer, atMs: clock.monotonic() });
    const oldest = kept.keys().next().value;
    if (kept.size > limits.rowCacheMax && oldest !== undefined) kept.delete(oldest);
    return answer;
  }
}
