/**
 * HEARTBEAT_ACK: the answer to HEARTBEAT. It has both clocks, for the offset and the round trip.
 */
import type * as v from "valibot";
import { amount, fields, only, optional, words } from "../schema.ts";

export const heartbeatAck = fields({
  op: only("HEARTBEAT_ACK"),
  server_time_unix_ms: amount,
  client_time_unix_ms: optional(amount),
  /**
   * A fresh session id, so that RESUME works for `resume_token_ttl_ms` after the connection is
   * lost.
   */
  session_id: optional(words),
});

export type HeartbeatAck = v.InferOutput<typeof heartbeatAck>;
