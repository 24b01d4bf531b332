/**
 * Views are tables: a query under a policy, kept incrementally from its channel. An entry's seq is
 * the commit that changed its membership, value or rank in this view, never the row's own, so
 * subscribers of one view at different cursors are each exact.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Changes, ChangeOrderedRows } from "./change-ordered-rows.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";
import type { Membership } from "./membership.ts";

export interface View {
  /** The bare channel's name, or a hash of query, policy and declaration. */
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  /** What subscribers are sent, in the order of change. */
  readonly rows: ChangeOrderedRows;
  /** Rows kept, those beyond the window included. */
  readonly entries: number;
  /** Bytes of the view besides the channel's own rows, roughly. */
  readonly bytes: number;
  /** What happened in the view after a cursor, or undefined where only a snapshot can tell. */
  changesSince(cursor: number): Changes | undefined;
  /** Follows one change of the channel. Returns whether the view changed. */
  apply(change: RowChange, point: CommitPoint): boolean;
}

/** What a view that is not a whole channel is made of. */
export interface ViewOptions {
  readonly id: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  readonly membership: Membership;
  readonly builtSeq: number;
  readonly tombstonesMax: number;
}

/**
 * Bytes of one entry in maps, lists and perhaps an index. Measured with `npm run bench -- rows`.
 */
const ENTRY_BYTES = 200;

/** `textBytes`: bytes of texts that are the view's own; in memory they may take twice that. */
export function viewBytes(entries: number, textBytes: number): number {
  return entries * ENTRY_BYTES + textBytes * 2;
}
