import type { Row } from "../row.ts";

/** A view's whole content at `seq`, in one or more parts. */
export interface Snapshot {
  readonly op: "DISPATCH";
  readonly type: "SNAPSHOT";
  readonly channel: string;
  /** Absent for a bare channel. */
  readonly view?: string;
  readonly seq: number;
  /** 0 starts the snapshot anew; `more` says whether another part follows. */
  readonly part: number;
  readonly more: boolean;
  readonly rows: readonly Row[];
}
