/**
 * The connection of a heatmap as a pure state machine: (state, event, now) to the next state. The
 * shell in `heatmap-web-socket.ts` does the state's actions and feeds it events.
 *
 *   disconnected ─connect─▶ connecting ─heard─▶ connected
 *                             ▲     │              │
 *                            due  closed         closed
 *                             │     ▼              │
 *                            waiting ◀─────────────┘       2, 4, 8, 16, 32 s
 *                                   │ closed after the last of these attempts
 *                                   ▼
 *                   probing ◀─due─ polling      a probe that is heard is connected,
 *                           ─closed─▶           one that fails is polling again
 *
 *   `disconnect` leads back to disconnected from everywhere.
 */

/** The waits between attempts. When the attempt after the last one fails, the page polls. */
const RETRY_DELAYS_MS: readonly number[] = [2_000, 4_000, 8_000, 16_000, 32_000];
/** While the page polls, it tries the socket again this long after the last attempt ended. */
export const PROBE_MS = 30_000;
/** A connection that lasted for this long counts as a success: its loss starts the ladder again. */
export const LASTING_MS = 10_000;

export type HeatmapStatus =
  | "connecting"
  | "connected"
  | "reconnecting"
  | "polling"
  | "stale"
  | "disconnected";

export type HeatmapState =
  | { readonly kind: "disconnected" }
  /** From the attempt to open a socket until the server has said something on it. */
  | { readonly kind: "connecting"; readonly attempt: number }
  | {
      readonly kind: "connected";
      readonly attempt: number;
      readonly sinceMs: number;
      readonly isStale: boolean;
    }
  | { readonly kind: "waiting"; readonly attempt: number; readonly dueMs: number }
  | { readonly kind: "polling"; readonly dueMs: number; readonly isStale: boolean }
  /** As polling, and a socket is being opened. */
  | { readonly kind: "probing"; readonly isStale: boolean };

export type HeatmapEvent =
  | { readonly kind: "connect" }
  | { readonly kind: "disconnect" }
  /** The server has said something that this script understands. */
  | { readonly kind: "heard" }
  /** The socket has closed, could not be opened, or was silent for too long. */
  | { readonly kind: "closed" }
  /** The time of the state's `dueMs` has come. */
  | { readonly kind: "due" }
  | { readonly kind: "stale" }
  | { readonly kind: "fresh" };

export const DISCONNECTED: HeatmapState = { kind: "disconnected" };

export function transition(state: HeatmapState, event: HeatmapEvent, nowMs: number): HeatmapState {
  switch (event.kind) {
    case "connect":
      return state.kind === "disconnected" ? { kind: "connecting", attempt: 0 } : state;
    case "disconnect":
      return state.kind === "disconnected" ? state : DISCONNECTED;
    case "heard":
      return heard(state, nowMs);
    case "closed":
      return closed(state, nowMs);
    case "due":
      if (state.kind === "waiting") return { kind: "connecting", attempt: state.attempt };
      return state.kind === "polling" ? { kind: "probing", isStale: state.isStale } : state;
    case "stale":
      return withStale(state, true);
    case "fresh":
      return withStale(state, false);
  }
}

function heard(state: HeatmapState, nowMs: number): HeatmapState {
  switch (state.kind) {
    case "connecting":
      return { kind: "connected", attempt: state.attempt, sinceMs: nowMs, isStale: false };
    case "probing":
      // If it is lost at once, the page polls again at once.
      return {
        kind: "connected",
        attempt: RETRY_DELAYS_MS.length,
        sinceMs: nowMs,
        isStale: false,
      };
    case "disconnected":
    case "connected":
    case "waiting":
    case "polling":
      return state;
  }
}

function closed(state: HeatmapState, nowMs: number): HeatmapState {
  switch (state.kind) {
    case "connecting":
      return lost(state.attempt, nowMs);
    case "connected":
      return lost(nowMs - state.sinceMs >= LASTING_MS ? 0 : state.attempt, nowMs);
    case "probing":
      return { kind: "polling", dueMs: nowMs + PROBE_MS, isStale: state.isStale };
    case "disconnected":
    case "waiting":
    case "polling":
      return state;
  }
}

function lost(attempt: number, nowMs: number): HeatmapState {
  const delayMs = RETRY_DELAYS_MS[attempt];
  return delayMs === undefined
    ? { kind: "polling", dueMs: nowMs + PROBE_MS, isStale: false }
    : { kind: "waiting", attempt: attempt + 1, dueMs: nowMs + delayMs };
}

function withStale(state: HeatmapState, isStale: boolean): HeatmapState {
  return "isStale" in state && state.isStale !== isStale ? { ...state, isStale } : state;
}

/** The word for people. */
export function statusOf(state: HeatmapState): HeatmapStatus {
  switch (state.kind) {
    case "disconnected":
      return "disconnected";
    case "connecting":
      return state.attempt === 0 ? "connecting" : "reconnecting";
    case "waiting":
      return "reconnecting";
    case "connected":
      return state.isStale ? "stale" : "connected";
    case "polling":
    case "probing":
      return state.isStale ? "stale" : "polling";
  }
}
