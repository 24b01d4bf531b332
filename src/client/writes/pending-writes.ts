/**
 * Writes of this page that its views do not hold yet. The order of commits decides when a write is
 * over: once a view shows the commit from which on the write is visible, the view's own rows hold
 * it, and its patch is removed. Patches of one row are removed in order, or an older value would
 * show again. No timers.
 *
 *   running ──answered──▶ sent ──result──▶ visible ──every view holds it──▶ gone
 *      │                   └──error──▶ gone
 *      └──failed──▶ gone
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import { errorOf } from "../../protocol/mutation-error.ts";
import type { JsonValue } from "../../protocol/row.ts";
import { HISTORIES_MAX } from "../limits.ts";
import type { PageCursor, WriteResult } from "../port.ts";
import type { RowPatch } from "./row-patch.ts";

/** A pending write, as the page may show it. */
export interface PendingWrite {
  readonly id: string;
  /** The mutation's name, or what the caller of `write` named it. */
  readonly name: string;
  readonly input: unknown;
  /** The rows that its patches name. */
  readonly patches: readonly RowPatch[];
  /** Unix milliseconds. */
  readonly sinceMs: number;
  /**
   * `running`: the application's own endpoint has not answered. `sent`: it is with the server, on
   * its way, or waits for a connection.
   */
  readonly phase: "running" | "sent";
}

interface Entry extends PendingWrite {
  /**
   * The commit from which on the write is visible, and how many histories the page had seen when
   * it learnt that.
   */
  readonly visible: { readonly at: PageCursor; readonly histories: number } | undefined;
  readonly resolve: (value: JsonValue | undefined) => void;
  readonly reject: (error: Error) => void;
}

export interface Begin {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly patches: readonly RowPatch[];
  readonly phase: PendingWrite["phase"];
}

export class PendingWrites {
  readonly #clock: Clock;
  readonly #pendingMax: number;
  readonly #entries = new Map<string, Entry>();
  #histories: string[] = [];
  /** The number of histories that were dropped, so that counts keep rising. */
  #forgotten = 0;
  #isStopped = false;
  #snapshot: readonly PendingWrite[] | undefined;

  constructor(clock: Clock, pendingMax: number) {
    this.#clock = clock;
    this.#pendingMax = pendingMax;
  }

  /** Writes that are not visible yet; the same array until that changes. */
  get snapshot(): readonly PendingWrite[] {
    this.#snapshot ??= [...this.#entries.values()].filter(({ visible }) => visible === undefined);
    return this.#snapshot;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Resolves with what the server returned, in the commit that holds the write. */
  begin({ id, name, input, patches, phase }: Begin): Promise<JsonValue | undefined> {
    if (this.#isStopped)
      return Promise.reject(
        new TidemarkError("STOPPED", "The client was closed. The write was not made."),
      );
    if (this.#entries.size >= this.#pendingMax) {
      return Promise.reject(
        new TidemarkError(
          "TOO_MANY_MUTATIONS",
          `${this.#pendingMax} writes are pending already. This one was not made; try again when some are done.`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#entries.set(id, {
        id,
        name,
        input,
        patches,
        phase,
        sinceMs: this.#clock.now(),
        visible: undefined,
        resolve,
        reject,
      });
      this.#snapshot = undefined;
    });
  }

  /** The application's own endpoint has answered; the stream reports when the write is visible. */
  answered(id: string): void {
    this.#replace(id, { phase: "sent" });
  }

  /** Ends a write that failed. */
  fail(id: string, error: Error): void {
    this.#entries.get(id)?.reject(error);
    this.end(id);
  }

  end(id: string): void {
    this.#entries.delete(id);
    this.#snapshot = undefined;
  }

  /** The page shows commits of this history. */
  noteHistory(epoch: string): void {
    if (this.#histories.at(-1) === epoch || this.#histories.includes(epoch)) return;
    this.#histories.push(epoch);
    if (this.#histories.length > HISTORIES_MAX) {
      this.#histories.shift();
      this.#forgotten++;
    }
  }

  /** Takes an outcome from the server. Call `settle` when the views have changed. */
  take(results: readonly WriteResult[]): void {
    for (const { id, visibleAt, error, value } of results) {
      if (error !== undefined) this.fail(id, errorOf(error));
      else if (visibleAt !== undefined) {
        const index = this.#histories.indexOf(visibleAt.epoch);
        const histories = this.#forgotten + (index < 0 ? this.#histories.length : index + 1);
        const entry = this.#entries.get(id);
        this.#replace(id, {
          visible: { at: visibleAt, histories },
          resolve: () => entry?.resolve(value),
        });
      }
    }
  }

  /** The patches of one channel that a view with the cursor `at` needs, oldest first. */
  patchesFor(channel: string, at: PageCursor | undefined): readonly RowPatch[] {
    const found: RowPatch[] = [];
    const kept = new Set<string>();
    for (const { patches, visible } of this.#entries.values()) {
      const isOver =
        visible !== undefined && (at === undefined || this.#isBehind(at, visible) === false);
      for (const patch of patches) {
        if (patch.channel !== channel || (isOver && !kept.has(patch.key))) continue;
        found.push(patch);
        kept.add(patch.key);
      }
    }
    return found;
  }

  /**
   * Ends the writes that every view holds, and resolves their promises. `views`: the commit that
   * each shows.
   */
  settle(page: PageCursor | undefined, views: readonly (PageCursor | undefined)[]): void {
    const kept = new Set<string>();
    for (const [id, entry] of this.#entries) {
      const { visible, patches } = entry;
      const isOver =
        visible !== undefined &&
        page !== undefined &&
        !this.#isBehind(page, visible) &&
        !views.some((at) => at !== undefined && this.#isBehind(at, visible));
      if (isOver) entry.resolve(undefined);
      if (isOver && !patches.some((patch) => kept.has(rowName(patch)))) this.end(id);
      else for (const patch of patches) kept.add(rowName(patch));
    }
  }

  /** Rejects all pending writes. */
  stop(): void {
    this.#isStopped = true;
    const error = new TidemarkError(
      "STOPPED",
      "The client was closed before the write was confirmed. It may have been made.",
    );
    for (const id of this.#entries.keys()) this.fail(id, error);
  }

  /** Whether `at` is before the commit from which on a write is visible. */
  #isBehind(
    at: PageCursor,
    { at: visibleAt, histories }: { readonly at: PageCursor; readonly histories: number },
  ): boolean {
    if (at.epoch === visibleAt.epoch) return at.seq < visibleAt.seq;
    const index = this.#histories.indexOf(at.epoch);
    // A history after the write's own includes everything that was written before.
    return index < 0 || this.#forgotten + index < histories;
  }

  #replace(id: string, fields: Partial<Entry>): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.set(id, { ...entry, ...fields });
    this.#snapshot = undefined;
  }
}

function rowName({ channel, key }: RowPatch): string {
  return JSON.stringify([channel, key]);
}
