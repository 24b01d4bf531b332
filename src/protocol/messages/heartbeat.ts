/** HEARTBEAT: shows that the client is alive, and measures the round trip and the clock offset. */
import { amount, fields, only, tolerated } from "../schema.ts";

export const heartbeat = fields({
  op: only("HEARTBEAT"),
  /** The answer returns it unchanged. */
  client_time_unix_ms: tolerated(amount),
});
