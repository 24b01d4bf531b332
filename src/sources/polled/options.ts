/** The options of a polled source. */
import { TidemarkError } from "../../std/errors.ts";
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import { COLUMN_TYPES, type ColumnType } from "../../protocol/column.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { PolledLimits } from "./limits.ts";

/** By column: the value that a run is for. Empty without `parameter`. */
export type PolledParameters = Readonly<Record<string, JsonValue>>;

/**
 * Returns the whole result for its parameters: rows that JSON can hold. The signal aborts after
 * `timeoutMs`, and when nobody waits for the result any more.
 */
export interface PolledRun {
  (
    parameters: PolledParameters,
    signal: AbortSignal,
  ): readonly object[] | Promise<readonly object[]>;
  /** Releases connections and threads; called when the source stops. */
  close?(): Promise<void>;
}

export interface PolledOptions {
  /** Default: `polled:` and the channel's name. */
  readonly name?: string;
  readonly channel: string;
  /** The column, or columns, whose values identify a row. Contains `parameter`. */
  readonly key: string | readonly string[];
  /** The columns' types, which decide how values compare. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** From the beginning of one run to the beginning of the next, in milliseconds. */
  readonly every: number;
  readonly run: PolledRun;
  /**
   * The column whose values select what is polled: one run for each value that the watched views
   * name by `eq` or `in`. Default: one run for all rows.
   */
  readonly parameter?: string;
  /**
   * `poll`: also while nobody watches, so that history has every result. Not with `parameter`,
   * whose values come from views. Default `pause`.
   */
  readonly whenUnwatched?: "pause" | "poll";
  /** Default: 100,000 rows, 256 MiB, no age. */
  readonly bounds?: Partial<ChannelBounds>;
  /** Keeps each version of the rows in the history store of the server. */
  readonly history?: Partial<ChannelHistory> | true;
  readonly limits?: Partial<PolledLimits>;
}

/** @throws TidemarkError `BAD_OPTION` */
export function declarationOf(options: PolledOptions): ChannelDeclaration {
  const { bounds, channel: name, columns = {}, every, history, parameter } = options;
  const key = typeof options.key === "string" ? [options.key] : options.key;
  if (!Number.isFinite(every) || every < 1)
    throw new TidemarkError("BAD_OPTION", "every is a time of at least 1, in milliseconds.");
  if (parameter !== undefined && !key.includes(parameter))
    throw new TidemarkError(
      "BAD_OPTION",
      `The key needs the column "${parameter}": rows of different values would replace each other.`,
    );
  if (parameter !== undefined && options.whenUnwatched === "poll")
    throw new TidemarkError(
      "BAD_OPTION",
      `whenUnwatched: "poll" needs a source without parameter, because its values come from views.`,
    );
  const declared = Object.entries(columns).map(([column, type]) => {
    if (COLUMN_TYPES.includes(type)) return { name: column, type };
    throw new TidemarkError(
      "BAD_OPTION",
      `Column "${column}": a column's type is one of ${COLUMN_TYPES.join(", ")}.`,
    );
  });
  return declareChannel({
    name,
    key,
    columns: declared,
    history: history === true ? {} : history,
    ...(bounds !== undefined && { bounds }),
  });
}
