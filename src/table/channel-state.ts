/**
 * The status of each channel from its source's commits: live or not, since when and why, and per
 * source the time up to which it is complete. A function of the commits alone.
 */
import type { Commit, SourceStatus } from "../log/log.ts";

export interface ChannelState {
  readonly status: SourceStatus["status"];
  readonly reason: string | undefined;
  /** Time of the commit that set this status. */
  readonly sinceMs: number;
  /** The source that feeds it; undefined for the program itself. */
  readonly source: string | undefined;
}

/**
 * A program's own channel is live from the start; a source's channel from the source's first
 * status.
 */
export function firstState(source: string | undefined, timeMs: number): ChannelState {
  return {
    status: source === undefined ? "live" : "catching_up",
    reason: undefined,
    sinceMs: timeMs,
    source,
  };
}

/** Returns the same object when nothing has changed. */
export function nextState(state: ChannelState, said: SourceStatus, timeMs: number): ChannelState {
  const { status } = said;
  const reason = "reason" in said ? said.reason : undefined;
  if (state.status === status && state.reason === reason) return state;
  return { ...state, status, reason, sinceMs: state.status === status ? state.sinceMs : timeMs };
}

/** The status that a commit sets for one channel; the last entry counts. */
export function statusIn(
  { status = [], source }: Pick<Commit, "status" | "source">,
  channel: string,
  owner: string | undefined,
): SourceStatus | undefined {
  return status.findLast(({ channels }) =>
    channels === undefined ? source === owner : channels.includes(channel),
  )?.status;
}
