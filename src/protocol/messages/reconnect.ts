/** RECONNECT: the server is about to close this connection. */
import { amount, fields, only } from "../schema.ts";

export const reconnect = fields({
  op: only("RECONNECT"),
  /** The minimum wait before connecting again, in milliseconds; clients add a random time. */
  retry_after_ms: amount,
});
