import type { SnapshotReason } from "./subscribed.ts";

/** Something the server had to do that the client should know. */
export type Notice = ResetNotice | SlowConsumerNotice;

/** A view could not be continued from its cursor and starts anew. */
interface ResetNotice {
  readonly op: "DISPATCH";
  readonly type: "NOTICE";
  readonly code: "RESET";
  readonly view: string;
  readonly reason: SnapshotReason;
  readonly message: string;
}

/** A view could not be served for a while, for want of credit or of room in the socket. */
interface SlowConsumerNotice {
  readonly op: "DISPATCH";
  readonly type: "NOTICE";
  readonly code: "SLOW_CONSUMER";
  readonly view: string;
  /** Commits between the view's cursor and the server's position. */
  readonly behind: number;
  readonly since_unix_ms: number;
  readonly message: string;
}
