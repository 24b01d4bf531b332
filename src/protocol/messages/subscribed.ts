import type { Column } from "../column.ts";
import type { OrderBy } from "../query.ts";

/**
 * Why a subscription starts with a snapshot.
 * - `no_cursor`: none was named
 * - `epoch`: it is a position in another history
 * - `ahead`: it is ahead of this server, which did not catch up in time
 * - `view`: it is of another query
 * - `policy`, `declaration`: the rights, or the channel, are not what they were
 * - `view_gone`: the view was let go meanwhile and can't be told from its channel
 * - `floor`: so long ago that removed keys have been forgotten
 * - `smaller`: a snapshot is smaller than the delta would be
 */
export type SnapshotReason =
  | "no_cursor"
  | "epoch"
  | "ahead"
  | "view"
  | "policy"
  | "declaration"
  | "view_gone"
  | "floor"
  | "smaller";

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
  /** `delta`: continues after `from_seq`; `snapshot`: starts anew, for `reason`. */
  readonly mode: "delta" | "snapshot";
  readonly from_seq?: number;
  readonly reason?: SnapshotReason;
}
