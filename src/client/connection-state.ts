/**
 * The connection as a pure state machine: (state, event, now, chance) to the next state. The shell
 * in `connection.ts` does what the state asks for and feeds it events.
 *
 *   idle ─start─▶ connecting ─opened─▶ greeting ─hello─▶ identifying ─ready─▶ open
 *                     ▲                    └───────┬───────────┘                │
 *                     │                     closed, silent                closed, silent
 *                     └─retry, online── waiting ◀──┴────────────────────────────┘
 *
 *   refused: the server does not accept us; only start() tries again.   stopped: for good.
 */
import { CLOSE } from "../protocol/close-codes.ts";

export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "greeting"; readonly attempt: number }
  | { readonly kind: "identifying"; readonly attempt: number; readonly sessionId: string }
  | { readonly kind: "open"; readonly sessionId: string; readonly sinceMs: number }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAtMs: number; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "stopped" };

export type ConnectionEvent =
  | { readonly kind: "start" }
  | { readonly kind: "opened" }
  | { readonly kind: "hello"; readonly sessionId: string }
  | { readonly kind: "ready" }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  /** Nothing was heard for too long. */
  | { readonly kind: "silent" }
  | { readonly kind: "retry" }
  /** The network is said to be back. */
  | { readonly kind: "online" }
  | { readonly kind: "stop" };

export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

export const BACKOFF: Backoff = { baseMs: 500, capMs: 20_000 };

/** What a transition may depend on besides state and event. `chance` is in [0, 1). */
export interface Circumstances {
  readonly nowMs: number;
  readonly chance: number;
  readonly backoff: Backoff;
}

export function transition(state: ConnectionState, event: ConnectionEvent, circumstances: Circumstances): ConnectionState {
  if (state.kind === "stopped" || event.kind === "stop") return { kind: "stopped" };
  switch (event.kind) {
    case "start":
      return state.kind === "idle" || state.kind === "refused" ? { kind: "connecting", attempt: 0 } : state;
    case "opened":
      return state.kind === "connecting" ? { kind: "greeting", attempt: state.attempt } : state;
    case "hello":
      return state.kind === "greeting" ? { kind: "identifying", attempt: state.attempt, sessionId: event.sessionId } : state;
    case "ready":
      return state.kind === "identifying" ? { kind: "open", sessionId: state.sessionId, sinceMs: circumstances.nowMs } : state;
    case "closed":
      if (!isConnected(state)) return state;
      if (event.code === CLOSE.unauthenticated) return { kind: "refused", reason: "The server did not accept the credentials." };
      return waiting(state, closeReason(event), circumstances);
    case "silent":
      return isConnected(state) ? waiting(state, "nothing was heard from the server", circumstances) : state;
    case "retry":
      return state.kind === "waiting" ? { kind: "connecting", attempt: state.attempt } : state;
    case "online":
      return state.kind === "waiting" ? { kind: "connecting", attempt: state.attempt } : state;
  }
}

/** There is a socket, open or opening. */
export function isConnected(state: ConnectionState): state is ConnectionState & { kind: "connecting" | "greeting" | "identifying" | "open" } {
  return state.kind === "connecting" || state.kind === "greeting" || state.kind === "identifying" || state.kind === "open";
}

function waiting(state: ConnectionState & { kind: "connecting" | "greeting" | "identifying" | "open" }, reason: string, circumstances: Circumstances): ConnectionState {
  const attempt = state.kind === "open" ? 1 : state.attempt + 1;
  return { kind: "waiting", attempt, reason, retryAtMs: circumstances.nowMs + backoffMs(attempt, circumstances) };
}

/** Half fixed, half chance, so that many clients do not return at the same moment. */
function backoffMs(attempt: number, { chance, backoff }: Circumstances): number {
  const fullMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 16));
  return fullMs / 2 + (fullMs / 2) * chance;
}

function closeReason({ code, reason }: { code: number; reason: string }): string {
  if (reason !== "") return reason;
  return code === 1006 ? "the connection was lost" : `closed with code ${code}`;
}
