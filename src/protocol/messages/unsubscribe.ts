/** UNSUBSCRIBE: ends subscriptions. Views that the session does not have are passed over. */
import { fields, LIST, list, only, word } from "../schema.ts";

export const unsubscribe = fields({
  op: only("UNSUBSCRIBE"),
  /** View ids as told by SUBSCRIBED; a bare channel's is its name. */
  views: list(word, LIST),
});
