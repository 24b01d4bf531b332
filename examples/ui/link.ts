/**
 * The connection in a page's words: one state for a whole outage, also while an attempt is under
 * way, so that nothing flickers between two attempts.
 */
import type { ConnectionStats } from "tidemark/client";

export interface Link {
  readonly kind: "open" | "connecting" | "silent" | "disconnected" | "refused" | "closed";
  /** Why it is not open. */
  readonly reason: string | undefined;
  /** When the next attempt is due, in Unix milliseconds; undefined while one is under way. */
  readonly retryAtMs: number | undefined;
}

const OPEN: Link = { kind: "open", reason: undefined, retryAtMs: undefined };

export function linkOf(
  { state, silentSinceMs }: Pick<ConnectionStats, "state" | "silentSinceMs">,
  nowMs: number,
): Link {
  switch (state.kind) {
    case "open":
      return silentSinceMs === undefined
        ? OPEN
        : link(
            "silent",
            `no response from the server for ${wholeSeconds(nowMs - silentSinceMs)} s`,
          );
    case "waiting":
      return { ...link("disconnected", state.reason), retryAtMs: state.retryAtMs };
    case "refused":
      return link("refused", state.reason);
    case "stopped":
      return link("closed", "the connection was closed by this page");
    case "idle":
      return link("connecting", undefined);
    case "connecting":
    case "greeting":
    case "identifying":
      if (state.kind === "identifying" && state.isSeamless) return OPEN;
      return link(state.reason === undefined ? "connecting" : "disconnected", state.reason);
  }
}

/** Whether what the page shows may be old, since the server is not heard. */
export function isAway({ kind }: Link): boolean {
  return kind !== "open" && kind !== "connecting";
}

function link(kind: Link["kind"], reason: string | undefined): Link {
  return { kind, reason, retryAtMs: undefined };
}

function wholeSeconds(ms: number): number {
  return Math.max(0, Math.round(ms / 1_000));
}
