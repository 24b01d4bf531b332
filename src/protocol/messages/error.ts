/** ERROR: a request that failed. The connection stays open unless a close follows. */
import type * as v from "valibot";
import type { ErrorCode } from "../../std/errors.ts";
import { count, fields, flag, only, optional, whole, words, type Schema } from "../schema.ts";

export const errorMessage = fields({
  op: only("ERROR"),
  /** A client must accept codes that it does not know. */
  code: words as Schema<ErrorCode>,
  message: words,
  retryable: flag,
  /** The id of the SUBSCRIBE that failed, with the index in its `subscriptions`. */
  id: optional(whole),
  index: optional(count),
  /** A subscription to this view has ended. */
  view: optional(words),
});

export type ErrorMessage = v.InferOutput<typeof errorMessage>;
