/**
 * Mends derived tables over a stream that have failed: a table is computed anew from the rows of
 * its source and from the store, while commits go on. What makes it fail again, such as a row that
 * can't be added, is tried again after a pause that grows; until then the table keeps its rows, and
 * is stale with the reason.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import type { Log } from "../log/log.ts";
import type { Recovery } from "../table/recovery.ts";
import { storedRows } from "./derived-tables.ts";
import type { HistoryStore } from "./history.ts";
import type { HistoryLogger, HistoryWriter } from "./writer.ts";

const [RETRY_MS, RETRY_MS_MAX] = [1_000, 60_000];
/** A pause is so many times as long as the attempt before it took: reading the store has a cost. */
const PAUSE_FACTOR = 20;

/** The derived tables of a node. */
export interface MendedTables {
  /** Of the last commit that was applied. */
  readonly seq: number;
  /** Tables that have failed, and that stored rows can mend. */
  readonly failedTables: readonly string[];
  /** Begins to compute one anew. @throws what its computation throws */
  recover(table: string): Recovery | undefined;
  /** Called after each commit. */
  onDerived(listener: () => void): void;
}

export interface DerivedRecoveryOptions {
  readonly store: HistoryStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: HistoryLogger;
  readonly tables: MendedTables;
  readonly writer: HistoryWriter;
}

export class DerivedRecovery {
  readonly #options: DerivedRecoveryOptions;
  #timer: Cancel | undefined;
  #pauseMs = RETRY_MS;
  #isRunning = false;
  readonly #stopped = new AbortController();

  constructor(options: DerivedRecoveryOptions) {
    this.#options = options;
    options.tables.onDerived(() => this.#schedule());
  }

  stop(): void {
    this.#timer?.();
    this.#stopped.abort();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#isRunning || this.#stopped.signal.aborted) return;
    if (this.#options.tables.failedTables.length === 0) return;
    this.#timer = this.#options.clock.after(this.#pauseMs, () => {
      this.#timer = undefined;
      this.#isRunning = true;
      void this.#mendAll().finally(() => {
        this.#isRunning = false;
        this.#schedule();
      });
    });
  }

  async #mendAll(): Promise<void> {
    const { clock, logger, tables } = this.#options;
    const beganMs = clock.monotonic();
    let isMended = true;
    for (const channel of tables.failedTables)
      try {
        if (await this.#mend(channel)) logger.warn({ channel }, "derived table: computed anew");
        else isMended = false;
      } catch (err) {
        isMended = false;
        if (!this.#stopped.signal.aborted)
          logger.warn({ err, channel }, "derived table: can't be computed yet; tried again");
      }
    const grownMs = Math.min(this.#pauseMs * 2, RETRY_MS_MAX);
    const tookMs = clock.monotonic() - beganMs;
    this.#pauseMs = isMended ? RETRY_MS : Math.max(grownMs, tookMs * PAUSE_FACTOR);
  }

  /** False where something else has replaced the table meanwhile. */
  async #mend(channel: string): Promise<boolean> {
    const { log, store, tables, writer } = this.#options;
    const { signal } = this.#stopped;
    const recovery = tables.recover(channel);
    if (recovery === undefined) return true;
    try {
      const { seq } = tables;
      // What the source removes is then gone from the store too.
      await writer.durable(seq, signal);
      for await (const rows of storedRows(store, recovery.source, seq, signal)) {
        if (recovery.isEnded) return false;
        for (const row of rows) recovery.count(row);
      }
    } catch (error) {
      recovery.end();
      throw error;
    }
    recovery.finish();
    // The next commit shows it, and may be far.
    await log.append({ changes: [] });
    return true;
  }
}
