/**
 * Reports when a write has passed through the log and the tables hold it. Only the tables' seq and
 * source positions decide that, so nothing is kept for writes that no client waits for.
 *
 * Retains the awaited writes; `mutationsPerSessionMax` and `visibleWaitsMax` bound them.
 */
import type { Cancel } from "../../std/clock.ts";
import type { Replica } from "../../table/replica.ts";
import type { Writer } from "../../sources/writer.ts";

/** A write, as the writer of its source named it. */
export interface SourceWrite {
  readonly source: string;
  readonly write: string;
}

interface Waiting {
  readonly write: SourceWrite;
  readonly onVisible: (seq: number) => void;
}

export class WriteVisibility {
  readonly #replica: Replica;
  readonly #writers: ReadonlyMap<string, Writer>;
  readonly #waiting = new Set<Waiting>();

  constructor(replica: Replica, writers: ReadonlyMap<string, Writer>) {
    this.#replica = replica;
    this.#writers = writers;
  }

  /** The awaited writes. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether the tables hold the write. */
  isVisible(write: SourceWrite): boolean {
    return this.#coversOf(write.source)(write.write);
  }

  #coversOf(source: string): (write: string) => boolean {
    const { epoch, seq } = this.#replica;
    return (
      this.#writers
        .get(source)
        ?.covers({ epoch, seq, sourcePosition: this.#replica.sourcePositionOf(source) }) ??
      (() => false)
    );
  }

  /** Calls back with the tables' seq as soon as they hold the write, which may be at once. */
  wait(write: SourceWrite, onVisible: (seq: number) => void): Cancel {
    if (this.isVisible(write)) {
      onVisible(this.#replica.seq);
      return () => {};
    }
    const waiting = { write, onVisible };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** The tables are at a new seq, and no session has been served yet. */
  applied(): void {
    if (this.#waiting.size === 0) return;
    const covers = new Map(
      [...this.#writers.keys()].map((source) => [source, this.#coversOf(source)]),
    );
    for (const waiting of this.#waiting) {
      const { source, write } = waiting.write;
      if (covers.get(source)?.(write) !== true) continue;
      this.#waiting.delete(waiting);
      waiting.onVisible(this.#replica.seq);
    }
  }
}
