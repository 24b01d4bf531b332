/** The entry point `tidemark/redis`: rows that pipelines publish on Redis, as live tables. */
import type { Source } from "../source.ts";
import type { RedisStreamOptions } from "./options.ts";
import { RedisStreamSource } from "./stream-source.ts";

export type { RedisLimits } from "./limits.ts";
export type { RedisStreamOptions } from "./options.ts";
export type { RedisTable } from "./tables.ts";

/**
 * A Redis stream as a source: each row is in the log once and in the stream's order, and an entry
 * is acknowledged when its rows are durable. Redis 7 or later.
 * @throws TidemarkError `BAD_OPTION`
 */
export function redisStream(options: RedisStreamOptions): Source {
  return new RedisStreamSource(options);
}
