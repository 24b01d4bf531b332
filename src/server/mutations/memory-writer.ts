/**
 * Runs mutations of the program's own channels, each once: a handler's writes are collected and
 * appended as one commit when it returns. Outcomes are remembered for as long as the process
 * lives, like the channels.
 */
import { TidemarkError } from "../../std/errors.ts";
import { MutationError } from "../../protocol/mutation-error.ts";
import type {
  ChannelWrites,
  Guard,
  TablePoint,
  WriteCall,
  WriteOutcome,
  Writer,
} from "../../sources/writer.ts";
import type { Replica } from "../../table/replica.ts";
import { RememberedWrites, type RememberedLimits } from "./remembered-writes.ts";

export const MEMORY = "memory";

/**
 * Fills and appends one commit of the program's own channels. With `expect`, only if nothing was
 * written to them since that source position: `SUPERSEDED` otherwise.
 */
export type WriteChannels = (
  fill: (write: ChannelWrites) => void,
  expect?: { readonly sourcePosition: string | undefined },
) => Promise<number>;

export interface MemoryWriterOptions {
  readonly replica: Replica;
  readonly writeChannels: WriteChannels;
  /** The newest seq of the log. */
  readonly head: () => number;
  /** Resolves when the tables hold all commits that were in the log at the call. */
  readonly caughtUp: () => Promise<void>;
  readonly limits: RememberedLimits;
  /** Called with a handler's error, unless it is a refusal. */
  readonly onFailed: (id: string, error: unknown) => void;
}

export class MemoryWriter implements Writer {
  readonly #options: MemoryWriterOptions;
  readonly #remembered: RememberedWrites;

  constructor(options: MemoryWriterOptions) {
    this.#options = options;
    this.#remembered = new RememberedWrites(options.limits);
  }

  run(call: WriteCall): Promise<WriteOutcome> {
    const { id, fingerprint, caller } = call;
    const known = this.#remembered.get(id);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return known.outcome;
      return Promise.resolve({
        kind: "rejected",
        error: new MutationError(
          "MUTATION_CONFLICT",
          "This mutation_id was used for another write. Make a new one for each.",
        ),
      });
    }
    const outcome = this.#runOnce(call).catch((error: unknown) => {
      // A temporary failure is not remembered: the next call runs the mutation again.
      this.#remembered.delete(id);
      throw error;
    });
    this.#remembered.add(id, { fingerprint, caller, outcome });
    return outcome;
  }

  /** A write is named by the epoch and seq of its commit. */
  covers({ epoch, seq }: TablePoint): (write: string) => boolean {
    return (write) => {
      const [ofEpoch, ofSeq] = write.split(":");
      return ofEpoch === epoch && Number(ofSeq) <= seq;
    };
  }

  isWrite(text: string): boolean {
    const [, epoch, seq] = /^(\w+):(\d{1,15})$/.exec(text) ?? [];
    return epoch === this.#options.replica.epoch && Number(seq) <= this.#options.head();
  }

  async #runOnce({ id, guard, run }: WriteCall): Promise<WriteOutcome> {
    const writes: ((write: ChannelWrites) => void)[] = [];
    const write: ChannelWrites = {
      upsert: (channel, rows) => void writes.push((target) => target.upsert(channel, rows)),
      remove: (channel, keys) => void writes.push((target) => target.remove(channel, keys)),
    };
    let value: Awaited<ReturnType<typeof run>>;
    try {
      value = await run({ write });
    } catch (cause) {
      if (cause instanceof MutationError) return { kind: "rejected", error: cause };
      return this.#failed(id, cause);
    }
    const { replica, writeChannels, caughtUp } = this.#options;
    for (;;) {
      if (guard !== undefined) await caughtUp();
      const stale = guard && this.#staleBy(guard);
      if (stale !== undefined) return stale;
      const { epoch } = replica;
      try {
        const seq = await writeChannels(
          (target) => {
            for (const change of writes) change(target);
          },
          guard && { sourcePosition: replica.sourcePositionOf(MEMORY) },
        );
        return { kind: "written", write: `${epoch}:${seq}`, value };
      } catch (error) {
        // Another write was appended between the check and the append: check again.
        if (error instanceof TidemarkError && error.code === "SUPERSEDED") continue;
        if (!(error instanceof TidemarkError) || error.retryable) throw error;
        return this.#failed(id, error);
      }
    }
  }

  #failed(id: string, cause: unknown): WriteOutcome {
    this.#options.onFailed(id, cause);
    return {
      kind: "rejected",
      error: new MutationError(
        "MUTATION_FAILED",
        "The server could not do this. Nothing was written.",
        { cause },
      ),
    };
  }

  /**
   * The tables hold every write, so they show which write changed the row last.
   */
  #staleBy({ channel, key, isCurrent }: Guard): WriteOutcome | undefined {
    const { replica } = this.#options;
    const node = replica.table(channel)?.rows.get(key);
    const lastWrite = node && `${replica.epoch}:${node.seq}`;
    return isCurrent({ row: node?.row, lastWrite, writesSince: [] })
      ? undefined
      : { kind: "stale", row: node?.row };
  }
}
