/**
 * MUTATION_RESULT: the outcome of a MUTATE. A success comes in the turn whose WATERMARK is the
 * first to cover the write, or a later one; a failure at once.
 */
import * as v from "valibot";
import { count, fields, json, only, optional, row, words } from "../schema.ts";

/** Nothing was written. */
const mutationFailure = fields({
  /** One of `ERROR_CODES`, or the application's own. */
  code: words,
  message: words,
  data: optional(json),
  /** With `STALE_WRITE`: the present row; null when it is gone or the caller may not see it. */
  row: optional(v.nullable(row)),
});

export const mutationResult = fields({
  op: only("DISPATCH"),
  type: only("MUTATION_RESULT"),
  mutation_id: words,
  /** Views at this seq or after it hold the write. Absent with `error`. */
  seq: optional(count),
  /** The handler's result. */
  value: optional(json),
  error: optional(mutationFailure),
});

export type MutationFailure = v.InferOutput<typeof mutationFailure>;
export type MutationResult = v.InferOutput<typeof mutationResult>;
