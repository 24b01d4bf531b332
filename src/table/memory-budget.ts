/**
 * The bytes that the rows of all tables of the log may take together. Over that, rows are evicted
 * in an order that the log's content alone gives, so that every replica evicts the same ones: rows
 * of channels that are not critical, then rows that a history store holds, then others; of each
 * kind those that their tables would evict next, lowest seq first. The newest `rowsMin` rows of a
 * critical channel stay. Derived tables count as of the commit before, and follow their inputs.
 */
import type { Commit } from "../log/log.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { ReplicaChannel } from "./replica-channel.ts";

/** What operators see of the budget. */
export interface BudgetState {
  /** Infinity: there is none. */
  readonly bytesMax: number;
  readonly bytes: number;
  /** Rows that it has evicted since the start. */
  readonly evictions: number;
  /** The rows that must stay exceed it. */
  readonly isExceeded: boolean;
}

type Rank = "not critical" | "stored" | "other";
const RANKS: readonly Rank[] = ["not critical", "stored", "other"];

export class MemoryBudget {
  bytesMax = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #evictions = 0;

  get state(): BudgetState {
    const { bytesMax } = this;
    const isExceeded = this.#bytes > bytesMax;
    return { bytesMax, bytes: this.#bytes, evictions: this.#evictions, isExceeded };
  }

  get checkpoint(): Pick<Checkpoint, "tablesBytesMax"> {
    return this.bytesMax < Number.POSITIVE_INFINITY ? { tablesBytesMax: this.bytesMax } : {};
  }

  /** `counted`: the tables of the log; `evictable`: those that are not derived. */
  relieve(
    counted: readonly ReplicaChannel[],
    evictable: readonly ReplicaChannel[],
    commit: Commit,
    durableSeq: number,
  ): void {
    this.#bytes = counted.reduce((sum, { table }) => sum + table.rows.bytes, 0);
    if (this.#bytes <= this.bytesMax) return;
    for (const rank of RANKS)
      this.#evict(
        evictable.filter((channel) => channel.broken === undefined && rankOf(channel) === rank),
        commit,
        durableSeq,
      );
  }

  #evict(channels: readonly ReplicaChannel[], commit: Commit, durableSeq: number): void {
    while (this.#bytes > this.bytesMax) {
      const [first, second] = channels
        .flatMap((channel) => {
          const seq = channel.table.nextToSpare(durableSeq)?.seq;
          return seq === undefined ? [] : [{ channel, seq }];
        })
        .sort((left, right) => left.seq - right.seq);
      if (first === undefined) return;
      const { table } = first.channel;
      const { bytes, size } = table.rows;
      first.channel.relieve(commit, durableSeq, {
        bytesMax: bytes - (this.#bytes - this.bytesMax),
        // Of rows of one seq, those of the channel that was declared first leave first.
        seqMax: Math.max(first.seq, (second?.seq ?? Number.POSITIVE_INFINITY) - 1),
      });
      this.#bytes -= bytes - table.rows.bytes;
      this.#evictions += size - table.rows.size;
    }
  }
}

function rankOf({ table: { channel } }: ReplicaChannel): Rank {
  if (channel.bounds.critical === false) return "not critical";
  return channel.history === undefined ? "other" : "stored";
}
