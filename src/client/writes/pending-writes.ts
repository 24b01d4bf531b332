/**
 * Writes that were made here and that the page does not stand behind yet. Order decides when one is
 * over: in the commit in which a view comes to stand where the write landed, or after it, the view's
 * own rows hold it and its patch goes; but not before those of earlier writes to the same row, or an
 * older value of the page's own would show again. No timers.
 *
 *   running ──answered──▶ sent ──result──▶ landed ──every view stands there──▶ gone
 *      │                   └──error──▶ gone
 *      └──failed──▶ gone
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import { errorOf } from "../../protocol/mutation-error.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { Position, WriteResult } from "../port.ts";
import type { RowPatch } from "./row-patch.ts";

/** A write that is under way, as the page may show it. */
export interface PendingWrite {
  readonly id: string;
  /** The mutation's name, or what the caller of `write` named it. */
  readonly name: string;
  readonly input: unknown;
  /** The rows that it speaks of. */
  readonly patches: readonly RowPatch[];
  /** Unix milliseconds. */
  readonly sinceMs: number;
  /** `running`: the application's own endpoint has not answered. `sent`: it is with the server, or on its way, or waits for a connection. */
  readonly phase: "running" | "sent";
}

interface Entry extends PendingWrite {
  /** Where it landed, and how many histories the page had been in when it heard. */
  readonly landed: { readonly position: Position; readonly histories: number } | undefined;
  readonly resolve: (value: JsonValue | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Writes that may be pending at once. Full: further ones fail with `TOO_MANY_MUTATIONS`, and nothing is sent. */
export const PENDING_MAX = 1_000;
/** Histories that are told apart. A page that outlives so many restarts of the server with one write pending drops it. */
const HISTORIES_MAX = 16;

export interface Begin {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly patches: readonly RowPatch[];
  readonly phase: PendingWrite["phase"];
}

export class PendingWrites {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #histories: string[] = [];
  /** Histories that were forgotten, so that counts go on rising. */
  #forgotten = 0;
  #isStopped = false;
  #snapshot: readonly PendingWrite[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Writes that have not come through; the same array until that changes. */
  get snapshot(): readonly PendingWrite[] {
    this.#snapshot ??= [...this.#entries.values()].filter(({ landed }) => landed === undefined);
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
    if (this.#entries.size >= PENDING_MAX) {
      return Promise.reject(
        new TidemarkError(
          "TOO_MANY_MUTATIONS",
          `${PENDING_MAX} writes are pending already. This one was not made; try again when some have landed.`,
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
        landed: undefined,
        resolve,
        reject,
      });
      this.#snapshot = undefined;
    });
  }

  /** The application's own endpoint has answered; from now on it is the stream that tells. */
  answered(id: string): void {
    this.#replace(id, { phase: "sent" });
  }

  /** Ends a write that will not come through. */
  fail(id: string, error: Error): void {
    this.#entries.get(id)?.reject(error);
    this.end(id);
  }

  end(id: string): void {
    this.#entries.delete(id);
    this.#snapshot = undefined;
  }

  /** The page has come into this history, or is in it still. */
  noteHistory(epoch: string): void {
    if (this.#histories.at(-1) === epoch || this.#histories.includes(epoch)) return;
    this.#histories.push(epoch);
    if (this.#histories.length > HISTORIES_MAX) {
      this.#histories.shift();
      this.#forgotten++;
    }
  }

  /** Takes what the server has said. Call `settle` when the views have moved. */
  take(results: readonly WriteResult[]): void {
    for (const { id, landed, error, value } of results) {
      if (error !== undefined) this.fail(id, errorOf(error));
      else if (landed !== undefined) {
        const index = this.#histories.indexOf(landed.epoch);
        const histories = this.#forgotten + (index < 0 ? this.#histories.length : index + 1);
        const entry = this.#entries.get(id);
        this.#replace(id, {
          landed: { position: landed, histories },
          resolve: () => entry?.resolve(value),
        });
      }
    }
  }

  /** The patches that a view which stands at `at` needs for one channel, oldest first. */
  patchesFor(channel: string, at: Position | undefined): readonly RowPatch[] {
    const found: RowPatch[] = [];
    const held = new Set<string>();
    for (const { patches, landed } of this.#entries.values()) {
      const isOver =
        landed !== undefined && (at === undefined || this.#isBehind(at, landed) === false);
      for (const patch of patches) {
        if (patch.channel !== channel || (isOver && !held.has(patch.key))) continue;
        found.push(patch);
        held.add(patch.key);
      }
    }
    return found;
  }

  /** Forgets what every view holds, and tells those who wait for it. `views`: where each stands. */
  settle(page: Position | undefined, views: readonly (Position | undefined)[]): void {
    const held = new Set<string>();
    for (const [id, entry] of this.#entries) {
      const { landed, patches } = entry;
      const isOver =
        landed !== undefined &&
        page !== undefined &&
        !this.#isBehind(page, landed) &&
        !views.some((at) => at !== undefined && this.#isBehind(at, landed));
      if (isOver) entry.resolve(undefined);
      if (isOver && !patches.some((patch) => held.has(rowName(patch)))) this.end(id);
      else for (const patch of patches) held.add(rowName(patch));
    }
  }

  /** Nothing more comes. */
  stop(): void {
    this.#isStopped = true;
    const error = new TidemarkError(
      "STOPPED",
      "The client was closed before the write came through. It may have been made.",
    );
    for (const id of this.#entries.keys()) this.fail(id, error);
  }

  /** Whether a position is before the place where a write landed. */
  #isBehind(
    at: Position,
    { position, histories }: { readonly position: Position; readonly histories: number },
  ): boolean {
    if (at.epoch === position.epoch) return at.seq < position.seq;
    const index = this.#histories.indexOf(at.epoch);
    // A history that came after the one it landed in began with everything that was written before.
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
