/** The options of the Redis sources. */
import type { RedisLimits } from "./limits.ts";
import type { RedisTable } from "./tables.ts";

export interface RedisStreamOptions {
  /** Default `redis`. */
  readonly name?: string;
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: string;
  readonly stream: string;
  /** The consumer group. Each deployment needs its own; it is created where it is missing. */
  readonly group: string;
  /** The consumer's name in the group. Default `tidemark`. */
  readonly consumer?: string;
  /** The field of an entry that holds the message. Default `data`. */
  readonly field?: string;
  /** The tables by their names in the messages. */
  readonly channels: Readonly<Record<string, RedisTable>>;
  readonly limits?: Partial<RedisLimits>;
}

/** A table of `redisPubSub`. */
export interface RedisPubSubTable extends RedisTable {
  /**
   * Returns the whole table from its store. Pub/sub loses messages, so the source calls it at the
   * start, after each reconnect, while the table is watched each `reconcileIntervalMs`, and for a
   * `table_update`. The rows look as in the messages. The signal aborts after `readTimeoutMs`.
   */
  readonly read?: (signal: AbortSignal) => Promise<readonly object[]>;
  /** Rows may be lost. Needed where there is no `read`, or no `key`. */
  readonly atMostOnce?: true;
}

export interface RedisPubSubOptions {
  /** Default `redis-pubsub`. */
  readonly name?: string;
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: string;
  /** The pub/sub channels that carry the messages. */
  readonly subscribe: readonly string[];
  /** The tables by their names in the messages. */
  readonly channels: Readonly<Record<string, RedisPubSubTable>>;
  /** How often watched tables are read from their store, in milliseconds. Default 30,000. */
  readonly reconcileIntervalMs?: number;
  readonly limits?: Partial<RedisLimits>;
}
