/**
 * IDENTIFY: the client's first frame. It says who the client is, and, to save a round trip, what it
 * subscribes to.
 */
import type * as v from "valibot";
import { anything, count, fields, only, optional, word } from "../schema.ts";
import { requests } from "./subscribe.ts";

export const identify = fields({
  op: only("IDENTIFY"),
  /** The newest version that the client speaks. Clients up to version 6 do not tell it. */
  protocol: optional(count),
  /** The oldest version that the client speaks. */
  protocol_min: optional(count),
  /** Handed to the server's `authenticate(request, auth)` as it is. */
  auth: optional(anything),
  subscriptions: optional(requests),
  /** With `epoch`: the seq of a snapshot taken over HTTP. Only what came after is sent. */
  snapshot_seq: optional(count),
  epoch: optional(word),
});

export type Identify = v.InferOutput<typeof identify>;
