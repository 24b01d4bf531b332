/**
 * IDENTIFY: the client's first frame. It has the client's credentials and, to save a round trip,
 * its subscriptions.
 */
import type * as v from "valibot";
import { anything, count, fields, only, optional, word } from "../schema.ts";
import { requests } from "./subscribe.ts";

export const identify = fields({
  op: only("IDENTIFY"),
  /** The newest version that the client speaks. Clients up to version 6 do not send it. */
  protocol: optional(count),
  /** The oldest version that the client speaks. */
  protocol_min: optional(count),
  /** Passed to the server's `authenticate(request, auth)` unchanged. */
  auth: optional(anything),
  subscriptions: optional(requests),
  /** With `epoch`: the seq of a snapshot taken over HTTP. The server sends only later changes. */
  snapshot_seq: optional(count),
  epoch: optional(word),
});

export type Identify = v.InferOutput<typeof identify>;
