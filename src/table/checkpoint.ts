/**
 * A replica's tables at one seq, as plain data. A node may begin with it instead of the commits up
 * to that seq. It has no views: each node has its own.
 */
import type { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { JsonValue } from "../protocol/row.ts";
import type { RowsCheckpoint } from "./change-ordered-rows.ts";
import type { ChannelState } from "./channel-state.ts";

export interface ChannelCheckpoint {
  readonly declaration: ChannelDeclaration;
  readonly state: ChannelState;
  /** A commit could not be applied to the channel, which may hold half of the commit. */
  readonly broken?: ChannelState;
  /** Rows of the whole table behind the channel, if its source counts them. */
  readonly total: number | undefined;
  readonly rows: RowsCheckpoint;
}

export interface Checkpoint {
  readonly epoch: string;
  readonly seq: number;
  /** The time of the commit at `seq`. */
  readonly timeMs: number;
  /** The seq up to which a history store holds everything; 0 without one. */
  readonly durableSeq: number;
  /**
   * By source: the stored source position, and the time up to which the source's channels are
   * complete.
   */
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
  readonly asOf: readonly (readonly [source: string, unixMs: number])[];
  readonly channels: readonly ChannelCheckpoint[];
  /** The bytes that all tables may take together; absent without such a budget. */
  readonly tablesBytesMax?: number;
  /** By derived table: what rows that its inputs have evicted still count for. */
  readonly settled?: readonly (readonly [channel: string, settled: JsonValue])[];
  /** By derived table: why that could not be computed. */
  readonly unsettled?: readonly (readonly [channel: string, error: TidemarkError])[];
}
