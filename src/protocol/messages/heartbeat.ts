/** HEARTBEAT: a sign of life, and a probe of the round trip and the clock offset. */
import { amount, fields, only, tolerated } from "../schema.ts";

export const heartbeat = fields({
  op: only("HEARTBEAT"),
  /** Comes back in the answer as it is. */
  client_time_unix_ms: tolerated(amount),
});
