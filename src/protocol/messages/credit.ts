/**
 * CREDIT: how much the client is ready to take. Until it is first sent, as much as its socket
 * takes.
 */
import * as v from "valibot";
import { count, fields, LIST, named, only, optional } from "../schema.ts";

const turns = v.nullable(count);

export const credit = fields({
  op: only("CREDIT"),
  /** Further turns from now on; replaces what is left. `null` lifts the limit. */
  turns: optional(turns),
  /**
   * By channel name or view id: further turns that carry something of it; replaces what is left.
   * At 0 the view waits and is listed in `behind`, while all others go on. `null` lifts the limit.
   */
  channel_credit: optional(named(turns, LIST.max)),
});

export type Credit = v.InferOutput<typeof credit>;
