/** What a channel is declared to be. Built by `channel()` for code, or by a source that found it. */
import { TidemarkError } from "../std/errors.ts";
import type { Column, ColumnType } from "../protocol/column.ts";
import { PROTOCOL_LIMITS } from "../protocol/limits.ts";
import type { WhereContext } from "../protocol/where.ts";
import { CHANNEL_BOUNDS, type ChannelBounds } from "./limits.ts";
import { linearRegex } from "./regex.ts";

export interface ChannelDeclaration {
  readonly name: string;
  /** Columns whose values identify a row. */
  readonly key: readonly string[];
  /** Empty when undeclared: then any column may be queried, and values compare by their JSON kind. */
  readonly columns: readonly Column[];
  readonly bounds: ChannelBounds;
}

/** @throws TidemarkError `BAD_OPTION` for names, keys and bounds that can't work */
export function declareChannel(options: {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns?: readonly Column[];
  readonly bounds?: Partial<ChannelBounds>;
}): ChannelDeclaration {
  const { name, key, columns = [] } = options;
  const bounds = { ...CHANNEL_BOUNDS, ...options.bounds };
  if (name.length === 0 || name.length > PROTOCOL_LIMITS.channelNameLengthMax) {
    throw bad(name, `its name must have 1 to ${PROTOCOL_LIMITS.channelNameLengthMax} characters`);
  }
  if (key.length === 0) throw bad(name, "it needs at least one key column");
  for (const column of key) {
    if (columns.length > 0 && !columns.some((known) => known.name === column)) {
      throw bad(name, `its key column "${column}" is not among its columns`);
    }
  }
  for (const [bound, value] of Object.entries(bounds)) {
    if (!(value >= 1)) throw bad(name, `${bound} must be at least 1`);
  }
  return { name, key, columns, bounds };
}

/** How queries on this channel find and compare its columns. */
export function whereContextOf(channel: ChannelDeclaration): WhereContext {
  const types = new Map<string, ColumnType>(channel.columns.map(({ name, type }) => [name, type]));
  return {
    // Where nothing is declared, a name that every object inherits is not a column.
    typeOf: (column) => (types.size > 0 ? types.get(column) : column in Object.prototype ? undefined : "any"),
    columnNames: channel.columns.map(({ name }) => name),
    regex: linearRegex,
  };
}

function bad(name: string, what: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `Channel "${name}" can't be declared: ${what}.`);
}
