/** RESUME: sent instead of IDENTIFY, continues a session on a new connection, to any node. */
import type * as v from "valibot";
import { anything, count, fields, only, optional, word } from "../schema.ts";
import { requests } from "./subscribe.ts";

export const resume = fields({
  op: only("RESUME"),
  /** The newest id from READY, RESUMED or HEARTBEAT_ACK. */
  session_id: word,
  /** As in IDENTIFY. */
  protocol: optional(count),
  protocol_min: optional(count),
  /** Checked anew, as in IDENTIFY. */
  auth: optional(anything),
  subscriptions: optional(requests),
  /**
   * The seq of the last WATERMARK without `behind`: subscriptions without a cursor continue from
   * it.
   */
  last_seq: optional(count),
});

export type Resume = v.InferOutput<typeof resume>;
