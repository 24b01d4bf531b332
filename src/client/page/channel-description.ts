/** A channel's key and columns, which the server returns without a view. */
import type { Column } from "../../protocol/column.ts";

export interface ChannelDescription {
  readonly channel: string;
  /** Columns whose values make up a row's key. */
  readonly key: readonly string[];
  /** Empty for a channel that declares none. */
  readonly columns: readonly Column[];
}
