/** DIGEST: the digest of a view's rows at `seq`, for the client to compare with its own. */
import type * as v from "valibot";
import { count, fields, only, optional, words } from "../schema.ts";

export const digest = fields({
  op: only("DISPATCH"),
  type: only("DIGEST"),
  channel: words,
  /** Absent for a bare channel. */
  view: optional(words),
  seq: count,
  /** The sum of the rows' hashes modulo 2^48, as lower-case hexadecimal without leading zeros. */
  digest: words,
});

export type Digest = v.InferOutput<typeof digest>;
