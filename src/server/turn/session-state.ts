/**
 * The life of one connection, as a state machine: from (state, event) to the next state, and from
 * time to what is due. Pure: the gateway collects the facts, does the due action, and reports the
 * outcome as an event.
 *
 *   greeting ──identify──▶ identifying ──accepted──▶ open
 *       ▲                       │                     │
 *       └──────refused──────────┘                     │
 *       └──────ended: rights revoked, or another history
 *   (any) ──left──▶ closed
 */

import type { Identity } from "../policies.ts";

/** `S`: the frames that a client sends before its identity is known; they are kept until then. */
export type SessionState<S> =
  | { readonly kind: "greeting"; readonly sinceMs: number }
  | { readonly kind: "identifying"; readonly early: readonly S[]; readonly sinceMs: number }
  | { readonly kind: "open"; readonly identity: Identity; readonly identityHash: string }
  | { readonly kind: "closed" };

export type SessionEvent<S> =
  | { readonly kind: "identify"; readonly nowMs: number }
  | { readonly kind: "spoke early"; readonly said: S }
  /** `identityHash` stands for the identity: equal for equal identities. */
  | { readonly kind: "accepted"; readonly identity: Identity; readonly identityHash: string }
  /** The client may identify anew. */
  | { readonly kind: "refused"; readonly nowMs: number }
  | { readonly kind: "ended"; readonly nowMs: number }
  | { readonly kind: "left" };

/** An event without meaning in a state returns the same object. */
export function nextSessionState<S>(
  state: SessionState<S>,
  event: SessionEvent<S>,
): SessionState<S> {
  if (event.kind === "left") return { kind: "closed" };
  switch (state.kind) {
    case "greeting":
      return event.kind === "identify"
        ? { kind: "identifying", early: [], sinceMs: event.nowMs }
        : state;
    case "identifying":
      if (event.kind === "spoke early") return { ...state, early: [...state.early, event.said] };
      if (event.kind === "accepted")
        return { kind: "open", identity: event.identity, identityHash: event.identityHash };
      return event.kind === "refused" ? { kind: "greeting", sinceMs: event.nowMs } : state;
    case "open":
      return event.kind === "ended" ? { kind: "greeting", sinceMs: event.nowMs } : state;
    case "closed":
      return state;
  }
}

/** Monotonic milliseconds. */
export interface SessionFacts {
  readonly nowMs: number;
  readonly lastHeardMs: number;
  readonly lastTurnMs: number;
  /** When the last ping was sent; undefined for a client that sends heartbeats. */
  readonly lastPingMs: number | undefined;
}

export interface SessionTimes {
  readonly silenceMsMax: number;
  readonly identifyTimeoutMs: number;
  readonly watermarkIntervalMs: number;
  readonly heartbeatIntervalMs: number;
}

export type SessionDue = "close: nothing heard" | "close: no IDENTIFY" | "ping" | "watermark";

/** The most urgent due action; the next check finds the others. */
export function dueOf<S>(
  state: SessionState<S>,
  facts: SessionFacts,
  times: SessionTimes,
): SessionDue | undefined {
  const { nowMs, lastHeardMs, lastTurnMs, lastPingMs } = facts;
  if (state.kind === "closed") return undefined;
  if (nowMs - lastHeardMs > times.silenceMsMax) return "close: nothing heard";
  if (state.kind !== "open" && nowMs - state.sinceMs > times.identifyTimeoutMs)
    return "close: no IDENTIFY";
  if (
    lastPingMs !== undefined &&
    nowMs - Math.max(lastHeardMs, lastPingMs) >= times.heartbeatIntervalMs
  )
    return "ping";
  return state.kind === "open" && nowMs - lastTurnMs >= times.watermarkIntervalMs
    ? "watermark"
    : undefined;
}
