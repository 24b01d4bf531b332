import type { SnapshotReason } from "./subscribed.ts";

/** Something the server had to do that the client should know. */
export interface Notice {
  readonly op: "DISPATCH";
  readonly type: "NOTICE";
  /** `RESET`: a view could not be continued from its cursor and starts anew. */
  readonly code: "RESET";
  readonly view: string;
  readonly reason: SnapshotReason;
  readonly message: string;
}
