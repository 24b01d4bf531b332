import type { Row } from "../row.ts";

/** What changed in a view in `(prev_seq, seq]`: each key once, at its newest value. */
export interface DeltaBatch {
  readonly op: "DISPATCH";
  readonly type: "DELTA_BATCH";
  readonly channel: string;
  /** Absent for a bare channel. */
  readonly view?: string;
  readonly prev_seq: number;
  readonly seq: number;
  readonly patch: { readonly upsert: readonly Row[]; readonly remove: readonly string[] };
  /** Another frame with the same range follows; the position moves with the last. */
  readonly more?: true;
  /** Of several frames with the same `prev_seq` of which all but the last have `more`: which one this is, from 0. */
  readonly part?: number;
  /**
   * On a frame with `prev_seq` equal to `seq` and an empty patch: the digest of the view's rows at
   * `seq`, to compare with one's own.
   */
  readonly digest?: string;
  readonly watermark: { readonly latest_ingest_seq: number };
}
