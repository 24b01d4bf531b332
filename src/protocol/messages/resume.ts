/** RESUME: in place of IDENTIFY, continues a session on whichever connection or node this is. */
import type * as v from "valibot";
import { anything, count, fields, only, optional, word } from "../schema.ts";
import { requests } from "./subscribe.ts";

export const resume = fields({
  op: only("RESUME"),
  /** The newest that READY, RESUMED or HEARTBEAT_ACK told. */
  session_id: word,
  /** As in IDENTIFY. */
  protocol: optional(count),
  protocol_min: optional(count),
  /** Checked anew, as in IDENTIFY. */
  auth: optional(anything),
  subscriptions: optional(requests),
  /** The seq of the last WATERMARK without `behind`: where subscriptions without a cursor stand. */
  last_seq: optional(count),
});

export type Resume = v.InferOutput<typeof resume>;
