/** RESYNC: subscribes to one view again, from a seq, or, without `seq`, from a fresh snapshot. */
import type * as v from "valibot";
import { count, fields, only, oneOf, optional, tolerated, whole, word } from "../schema.ts";

/** Why a client requests one view again. */
const reason = oneOf(["gap", "drift"]);

export const resync = fields({
  op: only("RESYNC"),
  /** Returned in SUBSCRIBED and ERROR. */
  id: optional(whole),
  view: word,
  /** The seq of the client's rows. Left out where the rows can't be trusted. */
  seq: optional(count),
  /** The server counts reasons, and ignores those that it does not know. */
  reason: tolerated(reason),
});

export type Resync = v.InferOutput<typeof resync>;
export type ResyncReason = v.InferOutput<typeof reason>;
