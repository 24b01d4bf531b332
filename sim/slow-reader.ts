/**
 * A reader of the log beside the nodes, such as a history writer: it reads late and in batches, and
 * must get each commit once, in order.
 */
import type { Random } from "../src/std/random.ts";
import type { Log, LogReader } from "../src/log/log.ts";
import type { FaultCounts } from "./faults.ts";
import type { ActorClock } from "./scheduler.ts";

export interface SlowReaderOptions {
  readonly log: Log;
  readonly clock: ActorClock;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly onWrong: (error: Error) => void;
}

export class SlowReader {
  readonly #options: SlowReaderOptions;
  #reader: LogReader | undefined;
  #seq = 0;
  seen = 0;

  constructor(options: SlowReaderOptions) {
    this.#options = options;
    void this.#open(0);
  }

  async #open(after: number): Promise<void> {
    const { log, clock, onWrong } = this.#options;
    try {
      const reader = await log.open(after);
      this.#reader = reader;
      this.#seq = after;
      reader.onLost(() => {
        reader.close();
        if (this.#reader === reader) this.#reader = undefined;
        // Commits of the lost epoch do not count. Of the new epoch it reads what is not trimmed.
        clock.after(50, () => void this.#open(0));
      });
      this.#read(reader);
    } catch {
      const { trimmedTo } = (log as unknown as { shared: { trimmedTo: number } }).shared;
      if (trimmedTo === after)
        onWrong(new Error(`the log refuses a reader at ${after}, which it holds`));
      else void this.#open(trimmedTo);
    }
  }

  #read(reader: LogReader): void {
    const { clock, random, faults, onWrong } = this.#options;
    if (this.#reader !== reader) return;
    for (const { seq } of reader.read(1 + Math.floor(random.next() * 60))) {
      if (seq !== this.#seq + 1)
        onWrong(new Error(`a reader of the log was given ${seq} after ${this.#seq}`));
      this.#seq = seq;
      this.seen++;
    }
    reader.ack(this.#seq);
    const isSlow = random.next() < 0.2 && faults.happens("slow reader of the log");
    clock.after(random.next() * (isSlow ? 1_500 : 100), () => this.#read(reader));
  }
}
