/**
 * A whole channel without filter, projection and policy: the table itself. Retains nothing of its
 * own.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Changes, ChangeOrderedRows } from "./change-ordered-rows.ts";
import type { View } from "./view.ts";

export class ChannelView implements View {
  readonly id: string;
  readonly channel: string;
  readonly declaration: ChannelDeclaration;
  readonly query: WireQuery;
  readonly rows: ChangeOrderedRows;
  readonly entries = 0;
  readonly bytes = 0;

  constructor(id: string, declaration: ChannelDeclaration, rows: ChangeOrderedRows) {
    this.id = id;
    this.channel = declaration.name;
    this.declaration = declaration;
    this.query = { channel: declaration.name };
    this.rows = rows;
  }

  changesSince(cursor: number): Changes | undefined {
    return this.rows.changesSince(cursor);
  }
}
