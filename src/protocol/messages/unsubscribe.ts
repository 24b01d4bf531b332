/** UNSUBSCRIBE: ends subscriptions. Views that the session does not have are ignored. */
import { fields, LIST, list, only, word } from "../schema.ts";

export const unsubscribe = fields({
  op: only("UNSUBSCRIBE"),
  /** View ids from SUBSCRIBED; a bare channel's id is its name. */
  views: list(word, LIST),
});
