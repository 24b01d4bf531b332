/** SUBSCRIBED: the answer to one subscription. Frames that follow name the view by `view`. */
import type * as v from "valibot";
import { COLUMN_TYPES } from "../column.ts";
import { orderBy } from "../query-schema.ts";
import { count, fields, longList, only, oneOf, optional, whole, words } from "../schema.ts";

/**
 * Why a subscription starts with a snapshot.
 * - `no_cursor`: the request has no cursor
 * - `epoch`: the cursor's seq is of another history
 * - `ahead`: the cursor is ahead of this server, which did not catch up in time
 * - `view`: the cursor is of another query
 * - `policy`, `declaration`: the rights, or the channel's declaration, have changed
 * - `view_gone`: the server has dropped the view, and can't compute its changes from the channel
 * - `floor`: the cursor is so old that the server has forgotten removed keys
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
  /** The id of the SUBSCRIBE; absent when IDENTIFY or RESUME subscribed. */
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
