/**
 * DELTA_BATCH: the changes of a view in `(prev_seq, seq]`, each key once, with its newest value.
 */
import * as v from "valibot";
import { count, fields, longList, only, optional, row, words, type Schema } from "../schema.ts";

const yes: Schema<true> = v.literal(true, "must be true or absent");

export const deltaBatch = fields({
  op: only("DISPATCH"),
  type: only("DELTA_BATCH"),
  channel: words,
  /** Absent for a bare channel. */
  view: optional(words),
  prev_seq: count,
  seq: count,
  patch: fields({ upsert: longList(row), remove: longList(words) }),
  /** Another frame with the same range follows; the view's seq moves with the last. */
  more: optional(yes),
  /**
   * The index of this frame, from 0, among several frames with the same `prev_seq`, of which all
   * but the last have `more`.
   */
  part: optional(count),
  /**
   * Up to version 6 only, in place of DIGEST: the digest of the view's rows at `seq`, on a frame
   * with `prev_seq` equal to `seq` and an empty patch.
   */
  digest: optional(words),
  watermark: fields({ latest_ingest_seq: count }),
});

export type DeltaBatch = v.InferOutput<typeof deltaBatch>;
