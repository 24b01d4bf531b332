/** RECONNECT: the server is about to close this connection. */
import { amount, fields, only } from "../schema.ts";

export const reconnect = fields({
  op: only("RECONNECT"),
  /** How long to wait at least before connecting again; clients add chance. */
  retry_after_ms: amount,
});
