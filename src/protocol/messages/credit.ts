/**
 * CREDIT: how many turns the server may send. Until the first CREDIT only the socket limits the
 * server.
 */
import * as v from "valibot";
import { count, fields, LIST, named, only, optional } from "../schema.ts";

const turns = v.nullable(count);

export const credit = fields({
  op: only("CREDIT"),
  /** Further turns from now on; replaces the remaining credit. `null` removes the limit. */
  turns: optional(turns),
  /**
   * By channel name or view id: further turns with frames of it; replaces the remaining credit. At
   * 0 the view waits and is listed in `behind`, while all others continue. `null` removes the
   * limit.
   */
  channel_credit: optional(named(turns, LIST.max)),
});

export type Credit = v.InferOutput<typeof credit>;
