/**
 * What is in the log and may not be durable: rows, and the ids of entries that wait to be
 * acknowledged. Retains at most `rowsMax` rows and ids, and one commit's more.
 */
import type { SourceContext } from "../source.ts";
import { Pauses } from "../pauses.ts";

export class InFlight {
  readonly #context: Pick<SourceContext, "clock" | "durable">;
  readonly #rowsMax: number;
  readonly #ids = new Set<string>();
  readonly #pauses = new Pauses();
  #rows = 0;

  constructor(context: Pick<SourceContext, "clock" | "durable">, rowsMax: number) {
    this.#context = context;
    this.#rowsMax = rowsMax;
  }

  get rows(): number {
    return this.#rows;
  }

  get isFull(): boolean {
    return this.#rows >= this.#rowsMax;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Acknowledges entries when everything up to `seq` is durable. */
  settle(
    seq: number,
    ids: readonly string[],
    rows: number,
    acknowledge: (ids: readonly string[]) => Promise<void>,
  ): void {
    const size = Math.max(rows, ids.length);
    if (size === 0) return;
    this.#rows += size;
    for (const id of ids) this.#ids.add(id);
    this.#context
      .durable(seq)
      .then(() => (ids.length === 0 ? undefined : acknowledge(ids)))
      // They stay pending, and are acknowledged after the next connect.
      .catch(() => {})
      .finally(() => {
        this.#rows -= size;
        for (const id of ids) this.#ids.delete(id);
        this.#pauses.end();
      });
  }

  /** Resolves when something has settled, or after `ms`. */
  async change(ms: number): Promise<void> {
    await this.#pauses.pause(this.#context.clock, ms);
  }

  /** Ends a wait for `change`. */
  wake(): void {
    this.#pauses.end();
  }
}
