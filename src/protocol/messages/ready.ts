/**
 * READY answers IDENTIFY, RESUMED answers RESUME: the identity is accepted, and the session is
 * open.
 */
import { count, fields, only, oneOf, words } from "../schema.ts";

export const ready = fields({
  op: only("DISPATCH"),
  type: oneOf(["READY", "RESUMED"]),
  /** For the next RESUME, within `resume_token_ttl_ms`. */
  session_id: words,
  epoch: words,
  /** The server's present seq. */
  seq: count,
});
