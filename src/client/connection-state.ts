/**
 * The connection as a pure state machine: (state, event, now, chance) to the next state. The shell
 * in `connection.ts` does the state's actions and feeds it events.
 *
 *   idle ─start─▶ connecting ─opened─▶ greeting ─hello─▶ identifying ─ready─▶ open
 *                     ▲                    │            │  ▲    ▲             │ │
 *                     │                    │      invalid──┘    └───invalid, upgraded
 *                     │                    └──────┬─────┘                     │
 *       retry, online,│                     closed, silent, away,             │
 *                shown│                     busy, reconnect                   │
 *                     └─────── waiting ◀──────────┴───────────────────────────┘
 *
 *   refused: the server does not accept the credentials, or there is no protocol version that both
 *   sides speak; only start() tries again.   stopped: for good.
 */
import type { Backoff } from "./backoff.ts";
import { isRefusal, REFUSALS, type Refusal } from "../protocol/close-codes.ts";

export type ConnectionState =
  | { readonly kind: "idle" }
  /** `reason`: why the last connection ended; undefined at the first attempt. */
  | { readonly kind: "connecting"; readonly attempt: number; readonly reason: string | undefined }
  | { readonly kind: "greeting"; readonly attempt: number; readonly reason: string | undefined }
  /** `isSeamless`: the connection was open just before, so the views stay live meanwhile. */
  | {
      readonly kind: "identifying";
      readonly attempt: number;
      readonly reason: string | undefined;
      readonly isSeamless: boolean;
    }
  /** `attempt` starts again at 1 only after the connection has lasted for `LASTING_MS`. */
  | { readonly kind: "open"; readonly sinceMs: number; readonly attempt: number }
  | {
      readonly kind: "waiting";
      readonly attempt: number;
      /** When the next attempt is due, in Unix milliseconds. `client.connect()` tries now. */
      readonly retryAtMs: number;
      readonly reason: string;
      /** The server named this time, or a proxy before it. */
      readonly isAskedFor: boolean;
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
  /** The server did not answer a small request, so no socket was opened. */
  | { readonly kind: "away" }
  /** The server, or a proxy before it, answered such a request with "not now". */
  | { readonly kind: "busy"; readonly retryAfterMs: number | undefined }
  /** A better carrier has received HELLO. */
  | { readonly kind: "upgraded" }
  /** The stream has another address now: connects at once, from every state but idle. */
  | { readonly kind: "moved" }
  | { readonly kind: "retry" }
  /** The page is visible again: it does not sit out a delay that was made for hidden pages. */
  | { readonly kind: "shown" }
  /** The platform reports that the network is back. */
  | { readonly kind: "online" }
  | { readonly kind: "stop" };

/**
 * A connection that was open for this long counts as a success: its loss starts the backoff again.
 */
export const LASTING_MS = 10_000;

/** What a transition may depend on besides state and event. `chance` is in [0, 1). */
export interface Circumstances {
  readonly nowMs: number;
  readonly chance: number;
  readonly backoff: Backoff;
  /**
   * The page is visible and has a network, and the server is not known to answer: a server that
   * answers and still takes no connection needs the whole delay.
   */
  readonly mayHurry: boolean;
}

export type Connecting = Extract<ConnectionState, { readonly kind: "connecting" }>;

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
        ? { kind: "connecting", attempt: 0, reason: undefined }
        : state;
    case "opened":
      return state.kind === "connecting" ? { ...state, kind: "greeting" } : state;
    case "hello":
      return state.kind === "greeting"
        ? { ...state, kind: "identifying", isSeamless: false }
        : state;
    case "ready":
      return state.kind === "identifying"
        ? { kind: "open", sinceMs: circumstances.nowMs, attempt: state.attempt }
        : state;
    case "invalid":
      if (state.kind === "identifying") return { ...state };
      return state.kind === "open" ? identifyingAgain(state.attempt) : state;
    case "upgraded":
      return state.kind === "open" ? identifyingAgain(0) : state;
    case "moved":
      return state.kind === "idle" ? state : { kind: "connecting", attempt: 0, reason: undefined };
    case "shown":
      return state.kind === "waiting" && !state.isAskedFor ? connecting(state) : state;
    case "retry":
    case "online":
      return state.kind === "waiting" ? connecting(state) : state;
    case "closed":
    case "silent":
    case "away":
    case "busy":
    case "reconnect":
      return isConnected(state) ? lost(state, event, circumstances) : state;
  }
}

function connecting({ attempt, reason }: ConnectionState & { kind: "waiting" }): ConnectionState {
  return { kind: "connecting", attempt, reason };
}

function identifyingAgain(attempt: number): ConnectionState {
  return { kind: "identifying", attempt, reason: undefined, isSeamless: true };
}

export function isConnected(state: ConnectionState): state is Connected {
  return (
    state.kind === "connecting" ||
    state.kind === "greeting" ||
    state.kind === "identifying" ||
    state.kind === "open"
  );
}

/** An attempt has failed, or the connection ended, and none has been open since. */
export function isLost(state: ConnectionState): boolean {
  return state.kind === "stopped" || ("reason" in state && state.reason !== undefined);
}

type Loss = ConnectionEvent & { kind: "closed" | "silent" | "away" | "busy" | "reconnect" };

function lost(state: Connected, event: Loss, circumstances: Circumstances): ConnectionState {
  const { nowMs, chance } = circumstances;
  const hasLasted = state.kind === "open" && nowMs - state.sinceMs >= LASTING_MS;
  const isHurried =
    circumstances.mayHurry &&
    state.kind === "connecting" &&
    event.kind !== "busy" &&
    event.kind !== "reconnect";
  const counted = hasLasted ? 1 : state.attempt + 1;
  // A server that was away for long is new: its first refusal must not cost the longest delay.
  const attempt = isHurried ? Math.min(counted, 2) : counted;
  const backoff = backoffMs(attempt, isHurried, circumstances);
  const wait = (reason: string, askedMs?: number): ConnectionState => ({
    kind: "waiting",
    attempt,
    reason,
    retryAtMs: nowMs + (askedMs === undefined ? backoff : askedMs * (1 + chance)),
    isAskedFor: askedMs !== undefined,
  });
  switch (event.kind) {
    case "closed":
      for (const code in REFUSALS)
        if (isRefusal(code) && REFUSALS[code] === event.code)
          return { kind: "refused", code, reason: closeReason(event) };
      return wait(closeReason(event));
    case "silent":
      return wait("no response from the server");
    case "away":
      return wait("the server can't be reached");
    case "busy":
      return wait("the server is unavailable", event.retryAfterMs);
    case "reconnect":
      return wait("the server is shutting down", event.retryAfterMs);
  }
}

/** Each delay is partly random, so that many clients do not return at the same time. */
function backoffMs(
  attempt: number,
  isHurried: boolean,
  { chance, backoff: { firstMs, delaysMs, visibleMsMax } }: Circumstances,
): number {
  if (attempt <= 1) return firstMs * chance;
  const plannedMs = delaysMs[Math.min(attempt - 2, delaysMs.length - 1)] ?? firstMs;
  const fullMs = isHurried ? Math.min(plannedMs, visibleMsMax) : plannedMs;
  return fullMs / 2 + (fullMs / 2) * chance;
}

function closeReason({ code, reason }: { code: number; reason: string }): string {
  if (reason !== "") return reason;
  return code === 1006 ? "connection lost" : `closed with code ${code}`;
}
