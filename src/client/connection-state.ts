/**
 * The connection as a pure state machine: (state, event, now, chance) to the next state. The shell
 * in `connection.ts` does the state's actions and feeds it events.
 *
 *   idle ─start─▶ connecting ─opened─▶ greeting ─hello─▶ identifying ─ready─▶ open
 *                     ▲                    │            │  ▲  ▲              │ │ │
 *                     │                    │      invalid──┘  └───invalid────┘ │ └─upgraded─▶
 * identifying
 *                     │                    └──────┬─────┘                      │
 *                     │                  closed, silent, reconnect       closed, silent, reconnect
 *                     └─retry, online── waiting ◀─┴────────────────────────────┘
 *
 *   refused: the server does not accept the credentials, or there is no protocol version that both
 *   sides speak; only start() tries again.   stopped: for good.
 */
import { isRefusal, REFUSALS, type Refusal } from "../protocol/close-codes.ts";

export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "greeting"; readonly attempt: number }
  /** `isSeamless`: the connection was open just before, so the views stay live meanwhile. */
  | { readonly kind: "identifying"; readonly attempt: number; readonly isSeamless: boolean }
  /** `attempt` starts again at 1 only after the connection has lasted for `LASTING_MS`. */
  | { readonly kind: "open"; readonly sinceMs: number; readonly attempt: number }
  | {
      readonly kind: "waiting";
      readonly attempt: number;
      readonly retryAtMs: number;
      readonly reason: string;
    }
  | {
      readonly kind: "refused";
      readonly code: Refusal;
      readonly reason: string;
    }
  | { readonly kind: "stopped" };

export type ConnectionEvent =
  | { readonly kind: "start" }
  | { readonly kind: "opened" }
  | { readonly kind: "hello" }
  /** READY or RESUMED. */
  | { readonly kind: "ready" }
  /** INVALID_SESSION: identify anew on the same connection. */
  | { readonly kind: "invalid" }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  /** No frame has arrived for too long. */
  | { readonly kind: "silent" }
  /** The server asks the client to reconnect after this time. */
  | { readonly kind: "reconnect"; readonly retryAfterMs: number }
  /** A better carrier has received HELLO. */
  | { readonly kind: "upgraded" }
  | { readonly kind: "retry" }
  /** The platform reports that the network is back. */
  | { readonly kind: "online" }
  | { readonly kind: "stop" };

export interface Backoff {
  /** The first attempt after an open connection comes at a random time within this. */
  readonly firstMs: number;
  /** The delay before each further attempt, half of it random; the last one is the cap. */
  readonly delaysMs: readonly number[];
}

export const BACKOFF: Backoff = { firstMs: 1_000, delaysMs: [2_000, 4_000, 8_000, 16_000, 32_000] };

/**
 * A connection that was open for this long counts as a success: its loss starts the backoff again.
 */
export const LASTING_MS = 10_000;

/** What a transition may depend on besides state and event. `chance` is in [0, 1). */
export interface Circumstances {
  readonly nowMs: number;
  readonly chance: number;
  readonly backoff: Backoff;
}

/** There is a socket, open or opening. */
export type Connected = ConnectionState & {
  kind: "connecting" | "greeting" | "identifying" | "open";
};

export function transition(
  state: ConnectionState,
  event: ConnectionEvent,
  circumstances: Circumstances,
): ConnectionState {
  if (state.kind === "stopped" || event.kind === "stop") return { kind: "stopped" };
  switch (event.kind) {
    case "start":
      return state.kind === "idle" || state.kind === "refused"
        ? { kind: "connecting", attempt: 0 }
        : state;
    case "opened":
      return state.kind === "connecting" ? { kind: "greeting", attempt: state.attempt } : state;
    case "hello":
      return state.kind === "greeting"
        ? { kind: "identifying", attempt: state.attempt, isSeamless: false }
        : state;
    case "ready":
      return state.kind === "identifying"
        ? { kind: "open", sinceMs: circumstances.nowMs, attempt: state.attempt }
        : state;
    case "invalid":
      if (state.kind === "identifying") return { ...state };
      return state.kind === "open"
        ? { kind: "identifying", attempt: state.attempt, isSeamless: true }
        : state;
    case "closed":
      if (!isConnected(state)) return state;
      for (const code in REFUSALS)
        if (isRefusal(code) && REFUSALS[code] === event.code)
          return { kind: "refused", code, reason: closeReason(event) };
      return waiting(
        state,
        closeReason(event),
        backoffMs(attemptAfter(state, circumstances), circumstances),
        circumstances,
      );
    case "silent":
      return isConnected(state)
        ? waiting(
            state,
            "nothing was heard from the server",
            backoffMs(attemptAfter(state, circumstances), circumstances),
            circumstances,
          )
        : state;
    case "reconnect":
      return isConnected(state)
        ? waiting(
            state,
            "the server is stopping",
            event.retryAfterMs * (1 + circumstances.chance),
            circumstances,
          )
        : state;
    case "upgraded":
      return state.kind === "open" ? { kind: "identifying", attempt: 0, isSeamless: true } : state;
    case "retry":
    case "online":
      return state.kind === "waiting" ? { kind: "connecting", attempt: state.attempt } : state;
  }
}

export function isConnected(state: ConnectionState): state is Connected {
  return (
    state.kind === "connecting" ||
    state.kind === "greeting" ||
    state.kind === "identifying" ||
    state.kind === "open"
  );
}

function waiting(
  state: Connected,
  reason: string,
  delayMs: number,
  circumstances: Circumstances,
): ConnectionState {
  return {
    kind: "waiting",
    attempt: attemptAfter(state, circumstances),
    reason,
    retryAtMs: circumstances.nowMs + delayMs,
  };
}

function attemptAfter(state: Connected, { nowMs }: Circumstances): number {
  const hasLasted = state.kind === "open" && nowMs - state.sinceMs >= LASTING_MS;
  return hasLasted ? 1 : state.attempt + 1;
}

/** Each delay is partly random, so that many clients do not return at the same time. */
function backoffMs(
  attempt: number,
  { chance, backoff: { firstMs, delaysMs } }: Circumstances,
): number {
  if (attempt <= 1) return firstMs * chance;
  const fullMs = delaysMs[Math.min(attempt - 2, delaysMs.length - 1)] ?? firstMs;
  return fullMs / 2 + (fullMs / 2) * chance;
}

function closeReason({ code, reason }: { code: number; reason: string }): string {
  if (reason !== "") return reason;
  return code === 1006 ? "the connection was lost" : `closed with code ${code}`;
}
