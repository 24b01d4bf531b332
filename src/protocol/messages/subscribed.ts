import type { Column } from "../column.ts";
import type { OrderBy } from "../query.ts";

/** Why a subscription starts with a snapshot although a cursor was named. */
export type SnapshotReason = "no_cursor" | "epoch" | "floor" | "view" | "smaller";

/** The answer to one subscription. Frames that follow name the view by `view`. */
export interface Subscribed {
  readonly op: "DISPATCH";
  readonly type: "SUBSCRIBED";
  /** Of the SUBSCRIBE that asked; absent when IDENTIFY did. */
  readonly id?: number;
  /** Position in that message's `subscriptions`. */
  readonly index: number;
  readonly channel: string;
  readonly view: string;
  readonly epoch: string;
  /** Columns whose values make up a row's key. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly order_by: readonly OrderBy[];
  /** `delta`: continues after the named cursor; `snapshot`: starts anew, for `reason`. */
  readonly mode: "delta" | "snapshot";
  readonly reason?: SnapshotReason;
}
