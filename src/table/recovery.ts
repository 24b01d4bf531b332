/**
 * A derived table over a stream that has failed, computed anew: from the rows that its source has,
 * and from those that a history store gives. It follows the source from its beginning on, so the
 * stored rows may come later; the table shows it when all are there.
 *
 * Retains a computation, and the keys of the source's rows as of its beginning.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { KeyedRow } from "../log/log.ts";
import type { Computation } from "./derivation.ts";
import type { LiveTable, RowChange } from "./live-table.ts";

export class Recovery {
  readonly source: ChannelDeclaration;
  readonly computation: Computation;
  readonly #present: ReadonlySet<string>;
  #state: "counting" | "whole" | "ended" = "counting";

  /** @throws what the computation throws for a row */
  constructor(computation: Computation, { channel, rows }: LiveTable) {
    this.source = channel;
    this.computation = computation;
    this.#present = new Set(Array.from(rows.values(), ({ key }) => key));
    computation.follow(0, Array.from(rows.values(), added));
  }

  /** All stored rows are counted: the table shows them with the next commit. */
  get isWhole(): boolean {
    return this.#state === "whole";
  }

  /** Another beginning of the table has replaced it, or a row could not be counted. */
  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** Counts a stored row, if the source had evicted it. @throws what the computation throws */
  count(row: KeyedRow): void {
    if (!this.#present.has(row.key)) this.computation.settle(row);
  }

  /** Follows a commit's changes of the source. */
  follow(changes: readonly RowChange[]): void {
    try {
      this.computation.follow(0, changes);
    } catch {
      this.end();
    }
  }

  finish(): void {
    if (this.#state === "counting") this.#state = "whole";
  }

  end(): void {
    this.#state = "ended";
  }
}

/** A row as the change that adds it. */
export function added(after: NonNullable<RowChange["after"]>): RowChange {
  return { key: after.key, before: undefined, after, evicted: false };
}
