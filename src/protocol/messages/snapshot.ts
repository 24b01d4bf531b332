/** SNAPSHOT: a view's whole content at `seq`, in one or more parts. */
import type * as v from "valibot";
import { count, fields, flag, longList, only, optional, row, words } from "../schema.ts";

export const snapshot = fields({
  op: only("DISPATCH"),
  type: only("SNAPSHOT"),
  channel: words,
  /** Absent for a bare channel. */
  view: optional(words),
  seq: count,
  /** 0 starts the snapshot anew; `more` says whether another part follows. */
  part: count,
  more: flag,
  rows: longList(row),
});

export type Snapshot = v.InferOutput<typeof snapshot>;
