/**
 * The declaration of a channel: a program declares its own channels, a source those of its tables;
 * the log carries the declaration.
 */
import { TidemarkError } from "../std/errors.ts";
import type { Column } from "../protocol/column.ts";
import {
  CHANNEL_BOUNDS,
  CHANNEL_HISTORY,
  ROWS_MIN,
  type ChannelBounds,
  type ChannelHistory,
} from "./limits.ts";
import { PROTOCOL_LIMITS } from "../protocol/limits.ts";

export interface ChannelDeclaration {
  readonly name: string;
  /** Columns whose values identify a row. */
  readonly key: readonly string[];
  /**
   * Empty when undeclared: then any column may be queried, and values compare by their JSON kind.
   */
  readonly columns: readonly Column[];
  readonly bounds: ChannelBounds;
  /** Present when a history store keeps the channel's rows. */
  readonly history?: ChannelHistory;
  /** Of a derived table: what it is computed from, and how. */
  readonly derivation?: string;
}

/** @throws TidemarkError `BAD_OPTION` for names, keys and bounds that can't work */
export function declareChannel(options: {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns?: readonly Column[];
  readonly bounds?: Partial<ChannelBounds>;
  readonly history?: Partial<ChannelHistory> | undefined;
}): ChannelDeclaration {
  const { name, key, columns = [] } = options;
  const bounds = { ...CHANNEL_BOUNDS, ...options.bounds };
  const history = options.history && { ...CHANNEL_HISTORY, ...options.history };
  if (name.length === 0 || name.length > PROTOCOL_LIMITS.channelNameLengthMax) {
    throw bad(name, `its name must have 1 to ${PROTOCOL_LIMITS.channelNameLengthMax} characters`);
  }
  if (key.length === 0) throw bad(name, "it needs at least one key column");
  for (const column of key) {
    if (columns.length > 0 && !columns.some((known) => known.name === column)) {
      throw bad(name, `its key column "${column}" is not among its columns`);
    }
  }
  const { evict = "oldest_change", critical: _critical, ...numbers } = bounds;
  for (const [bound, value] of Object.entries({ ...numbers, ...history })) {
    if (typeof value === "number" ? !(value >= 1) : bound !== "appendOnly")
      throw bad(name, `${bound} must be at least 1`);
  }
  if (evict !== "oldest_change" && evict !== "oldest_arrival")
    throw bad(name, `evict is "oldest_change" or "oldest_arrival", and not "${String(evict)}"`);
  return { name, key, columns, bounds, ...(history !== undefined && { history }) };
}

/** Whether two declarations are equal: declaring a channel again unchanged has no effect. */
export function isSameDeclaration(left: ChannelDeclaration, right: ChannelDeclaration): boolean {
  return textOf(left) === textOf(right);
}

function textOf({
  name,
  key,
  columns,
  bounds: { rowsMax, bytesMax, ageMsMax, tombstonesMax, evict = "oldest_change", ...pressure },
  history,
  derivation,
}: ChannelDeclaration): string {
  // JSON has no Infinity, and null would stand for any value.
  return JSON.stringify([
    name,
    key,
    columns.map((column) => [column.name, column.type]),
    [rowsMax, bytesMax, ageMsMax, tombstonesMax].map(String),
    history?.appendOnly,
    derivation,
    evict,
    pressure.critical ?? true,
    pressure.rowsMin ?? ROWS_MIN,
  ]);
}

/** The message for a channel with history on a server without a store. */
export function withoutStore(name: string): string {
  return `Channel "${name}" is declared with history, and createTidemark has no store: pass history: duckdb(file) or clickhouse(url).`;
}

function bad(name: string, what: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `Channel "${name}" can't be declared: ${what}.`);
}
