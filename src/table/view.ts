/**
 * Views are tables: a query under a policy, kept incrementally from its channel. An entry's seq is
 * the commit that changed its membership, value or rank in this view, never the row's own, so
 * subscribers of one view at different cursors are each exact.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Changes, ChangeOrderedRows } from "./change-ordered-rows.ts";
import type { Membership } from "./membership.ts";

export interface View {
  /** The bare channel's name, or a hash of query, policy and declaration. */
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  /** The view's rows as subscribers get them, in the order of change. */
  readonly rows: ChangeOrderedRows;
  /** The number of rows kept, including those beyond the window. */
  readonly entries: number;
  /** Estimated bytes of the view, without the channel's own rows. */
  readonly bytes: number;
  /** The view's changes after a cursor; undefined where only a snapshot can answer. */
  changesSince(cursor: number): Changes | undefined;
}

/** The parts of a view that is not a whole channel. */
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
