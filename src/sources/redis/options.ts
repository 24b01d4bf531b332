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
