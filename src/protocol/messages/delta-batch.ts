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
  readonly watermark: { readonly latest_ingest_seq: number };
}
