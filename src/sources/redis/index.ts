/** The entry point `tidemark/redis`: rows that pipelines publish on Redis, as live tables. */
import type { Source } from "../source.ts";
import type { RedisPubSubOptions, RedisStreamOptions } from "./options.ts";
import { RedisPubSubSource } from "./pubsub-source.ts";
import { RedisStreamSource } from "./stream-source.ts";

export type { RedisLimits } from "./limits.ts";
export type { RedisPubSubOptions, RedisPubSubTable, RedisStreamOptions } from "./options.ts";
export type { RedisTable } from "./tables.ts";

/**
 * A Redis stream as a source: each row is in the log once and in the stream's order, and an entry
 * is acknowledged when its rows are durable. Redis 7 or later.
 * @throws TidemarkError `BAD_OPTION`
 */
export function redisStream(options: RedisStreamOptions): Source {
  return new RedisStreamSource(options);
}

/**
 * Redis pub/sub channels as a source. Pub/sub loses messages, so each table has a `read`, which
 * makes up for that, or is declared `atMostOnce`.
 * @throws TidemarkError `BAD_OPTION`
 */
export function redisPubSub(options: RedisPubSubOptions): Source {
  return new RedisPubSubSource(options);
}
