/** HELLO: the server's first frame on a connection. */
import type * as v from "valibot";
import { amount, count, fields, only, optional, words } from "../schema.ts";

export const hello = fields({
  op: only("HELLO"),
  /** The newest version that the server speaks. */
  protocol: count,
  /** The oldest version that the server speaks. Servers up to version 6 do not send it. */
  protocol_min: optional(count),
  session_id: words,
  /** The client sends HEARTBEAT at least this often. */
  heartbeat_interval_ms: amount,
  /** Within this time the client must have sent IDENTIFY. */
  identify_timeout_ms: amount,
  server_time_unix_ms: amount,
});

export type Hello = v.InferOutput<typeof hello>;
