/**
 * CHANNEL_STATUS: whether a channel is live, and how complete it is; sent on subscribing and on
 * each change.
 */
import type * as v from "valibot";
import { amount, count, fields, flag, only, oneOf, optional, words } from "../schema.ts";

export const channelStatus = fields({
  op: only("DISPATCH"),
  type: only("CHANNEL_STATUS"),
  channel: words,
  status: oneOf(["live", "catching_up", "stale"]),
  /** Unix milliseconds since when the channel has this status. */
  since_unix_ms: amount,
  /** A text for people, for a channel that is not live. */
  reason: optional(words),
  /**
   * The source whose `as_of` in WATERMARK applies to this channel; absent for channels that the
   * server's code writes.
   */
  source: optional(words),
  /** Rows that the channel holds now; absent for a client that may see only some of them. */
  rows: optional(count),
  /** Rows of the whole table, where the channel holds only part of it. */
  total: optional(count),
  /**
   * Rows that were too large or too deep to be sent; the row's `$omitted` gives the reason. Absent
   * where there are none.
   */
  omitted: optional(count),
  /** True when the channel holds only part of its table. */
  partial: flag,
});

export type ChannelStatus = v.InferOutput<typeof channelStatus>;
