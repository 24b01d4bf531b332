/** How queries on a channel find and compare its columns. */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { ColumnType } from "../protocol/column.ts";
import type { WhereContext } from "../protocol/where.ts";
import { linearRegex } from "./regex.ts";

export function whereContextOf(channel: Pick<ChannelDeclaration, "columns">): WhereContext {
  const types = new Map<string, ColumnType>(channel.columns.map(({ name, type }) => [name, type]));
  return {
    // Without declared columns any name is a column, except names that every object inherits.
    typeOf: (column) =>
      types.size > 0 ? types.get(column) : column in Object.prototype ? undefined : "any",
    columnNames: channel.columns.map(({ name }) => name),
    regex: linearRegex,
  };
}
