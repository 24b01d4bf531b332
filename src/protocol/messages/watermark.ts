/**
 * WATERMARK: ends a turn. Every view of the session that is not listed in `behind` is at `seq`.
 */
import type * as v from "valibot";
import { amount, count, fields, longList, named, only, optional, words } from "../schema.ts";

export const watermark = fields({
  op: only("DISPATCH"),
  type: only("WATERMARK"),
  seq: count,
  /** When the server made this turn. */
  server_time_unix_ms: amount,
  /** Commit time of the oldest commit since the flush before; absent when there was none. */
  oldest_commit_unix_ms: optional(amount),
  /** By source: the time up to which its channels are known to be complete. */
  as_of: named(amount),
  /** View ids that are still loading or wait for credit; absent when there are none. */
  behind: optional(longList(words)),
});

export type Watermark = v.InferOutput<typeof watermark>;
