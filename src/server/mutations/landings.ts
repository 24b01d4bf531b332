/**
 * When a write has come through the log and the tables hold it. Whether it has is told from the
 * tables' position alone, so nothing is remembered of writes that nobody waits for.
 *
 * Retains what is waited for; who waits is bounded by the mutations of its session.
 */
import type { Cancel } from "../../std/clock.ts";
import type { Replica } from "../../table/replica.ts";
import type { Writer } from "../../sources/writer.ts";

/** A write, by the name that the writer of its source gave it. It lands where the source's step came through. */
export interface Landing {
  readonly source: string;
  readonly write: string;
}

interface Waiting {
  readonly landing: Landing;
  readonly onLanded: (seq: number) => void;
}

export class Landings {
  readonly #replica: Replica;
  readonly #writers: ReadonlyMap<string, Writer>;
  readonly #waiting = new Set<Waiting>();

  constructor(replica: Replica, writers: ReadonlyMap<string, Writer>) {
    this.#replica = replica;
    this.#writers = writers;
  }

  /** Writes that are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** The tables hold the write. */
  isCovered(landing: Landing): boolean {
    return this.#coversOf(landing.source)(landing.write);
  }

  #coversOf(source: string): (write: string) => boolean {
    const { epoch, seq } = this.#replica;
    return (
      this.#writers
        .get(source)
        ?.covers({ epoch, seq, position: this.#replica.positionOf(source) }) ?? (() => false)
    );
  }

  /** Calls back with the position of the tables as soon as they hold the write, which may be at once. */
  wait(landing: Landing, onLanded: (seq: number) => void): Cancel {
    if (this.isCovered(landing)) {
      onLanded(this.#replica.seq);
      return () => {};
    }
    const waiting = { landing, onLanded };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** The tables have moved, and nobody has been served yet. */
  applied(): void {
    if (this.#waiting.size === 0) return;
    const covers = new Map(
      [...this.#writers.keys()].map((source) => [source, this.#coversOf(source)]),
    );
    for (const waiting of this.#waiting) {
      const { source, write } = waiting.landing;
      if (covers.get(source)?.(write) !== true) continue;
      this.#waiting.delete(waiting);
      waiting.onLanded(this.#replica.seq);
    }
  }
}
