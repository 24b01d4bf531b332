/** SUBSCRIBED: the answer to one subscription. Frames that follow name the view by `view`. */
import type * as v from "valibot";
import { COLUMN_TYPES } from "../column.ts";
import { orderBy } from "../query-schema.ts";
import { count, fields, longList, only, oneOf, optional, whole, words } from "../schema.ts";

/**
 * Why a subscription starts with a snapshot.
 * - `no_cursor`: none was named
 * - `epoch`: it is a seq in another history
 * - `ahead`: it is ahead of this server, which did not catch up in time
 * - `view`: it is of another query
 * - `policy`, `declaration`: the rights, or the channel, are not what they were
 * - `view_gone`: the view was let go meanwhile and can't be told from its channel
 * - `floor`: so long ago that removed keys have been forgotten
 * - `smaller`: a snapshot is smaller than the delta would be
 */
export const snapshotReason = oneOf([
  "no_cursor",
  "epoch",
  "ahead",
  "view",
  "policy",
  "declaration",
  "view_gone",
  "floor",
  "smaller",
]);

export const subscribed = fields({
  op: only("DISPATCH"),
  type: only("SUBSCRIBED"),
  /** Of the SUBSCRIBE that asked; absent when IDENTIFY did. */
  id: optional(whole),
  /** Index in that message's `subscriptions`. */
  index: count,
  channel: words,
  view: words,
  epoch: words,
  /** Columns whose values make up a row's key. */
  key: longList(words),
  columns: longList(fields({ name: words, type: oneOf(COLUMN_TYPES) })),
  order_by: longList(orderBy),
  /** `delta`: continues after `from_seq`; `snapshot`: starts anew, for `reason`. */
  mode: oneOf(["delta", "snapshot"]),
  from_seq: optional(count),
  reason: optional(snapshotReason),
});

export type Subscribed = v.InferOutput<typeof subscribed>;
export type SnapshotReason = v.InferOutput<typeof snapshotReason>;
