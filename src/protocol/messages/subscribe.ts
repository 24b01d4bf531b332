/** SUBSCRIBE: adds subscriptions, or subscribes to existing ones again from the given cursor. */
import * as v from "valibot";
import type { WireQuery } from "../query.ts";
import { channelName, QUERY_FIELDS } from "../query-schema.ts";
import {
  anything,
  closedFields,
  count,
  fields,
  LIST,
  list,
  only,
  optional,
  whole,
  word,
  type Schema,
} from "../schema.ts";

/** The seq that a client has reached in one view: valid for this epoch and this view id only. */
export const cursor = fields({ epoch: word, view: word, seq: count });

export type Cursor = v.InferOutput<typeof cursor>;

/** A channel's name, or a query, with the cursor to continue from if there is one. */
export type SubscriptionRequest = string | (WireQuery & { readonly cursor?: Cursor });

const requestFields = closedFields("a query", { ...QUERY_FIELDS, cursor: optional(cursor) });

/**
 * One complete subscription. Frames are parsed with `requests`, so that one bad query fails alone.
 */
export const subscriptionRequest: Schema<SubscriptionRequest> = Object.assign(
  v.lazy<Schema<SubscriptionRequest>>((input) =>
    typeof input === "string" ? channelName : requestFields,
  ),
  { options: [channelName, requestFields] },
);

/** The subscriptions of a frame: `subscriptionRequest` checks each when it is opened. */
export const requests = list(anything as Schema<SubscriptionRequest>, LIST);

export const subscribe = fields({
  op: only("SUBSCRIBE"),
  /** Returned in SUBSCRIBED and ERROR, with the index in `subscriptions`. */
  id: optional(whole),
  subscriptions: requests,
});
