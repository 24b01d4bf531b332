/**
 * A replica's tables at one seq, as plain data: what a node may begin with in place of all commits up
 * to there. Views are not in it: each node has its own.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { RowsCheckpoint } from "./change-ordered-rows.ts";
import type { ChannelState } from "./channel-state.ts";

export interface ChannelCheckpoint {
  readonly declaration: ChannelDeclaration;
  readonly state: ChannelState;
  /** A commit could not be applied to it: what it holds may be half of that. */
  readonly broken?: ChannelState;
  /** Rows of the whole table behind the channel, where its source says. */
  readonly total: number | undefined;
  readonly rows: RowsCheckpoint;
}

export interface Checkpoint {
  readonly epoch: string;
  readonly seq: number;
  /** Of the commit at `seq`. */
  readonly timeMs: number;
  /** By source: where it stood, and up to when what it feeds is complete. */
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
  readonly asOf: readonly (readonly [source: string, unixMs: number])[];
  readonly channels: readonly ChannelCheckpoint[];
}
