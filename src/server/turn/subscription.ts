/**
 * One client's cursor into one view, as a state machine: from (state, event) to the next state, and
 * from (state, facts) to the next step. Pure: the turn writer collects the facts, does the step,
 * and reports the outcome as an event.
 *
 *   opening ──answered──▶ live ──began──▶ sending ──sent, the last──▶ live …
 *      │  └─(ahead of the node: waits)      │  ▲
 *      └────────────began─────────────────▶ sending ──given up──▶ sending anew
 *
 * The cursor is the seq up to which everything has been sent. Sending may pause when credit or
 * room is missing; the state keeps the start of the pause, until the cursor is at the view's head
 * again. Below the view's floor there is no delta, only a snapshot.
 */
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";

/**
 * Since when sending is paused because credit or room in the socket is missing; monotonic and Unix
 * milliseconds.
 */
interface Pause {
  readonly sinceMs: number;
  readonly sinceUnixMs: number;
  /** Whether the client has got SLOW_CONSUMER. */
  readonly isTold: boolean;
}

export type SubscriptionState =
  | {
      readonly kind: "opening";
      /** The seq to continue from; undefined to start with a snapshot. */
      readonly cursor: number | undefined;
      /** Why there is no usable cursor. */
      readonly reason: SnapshotReason;
      /** When the client requested the subscription; monotonic milliseconds. */
      readonly sinceMs: number;
      readonly pause: Pause | undefined;
    }
  | {
      readonly kind: "sending";
      readonly update: "snapshot" | "delta";
      /** The seq that the update leads to. */
      readonly seq: number;
      readonly nextFrame: number;
      readonly frameCount: number;
      readonly pause: Pause | undefined;
    }
  | { readonly kind: "live"; readonly cursor: number; readonly pause: Pause | undefined };

export type SubscriptionEvent =
  /** The answer is sent: the client continues from here. */
  | { readonly kind: "answered"; readonly cursor: number }
  /** An update begins to be sent. */
  | {
      readonly kind: "began";
      readonly update: "snapshot" | "delta";
      readonly seq: number;
      readonly frameCount: number;
    }
  /** One frame of the update was sent. */
  | { readonly kind: "sent" }
  /**
   * Sending pauses. `reached`: the seq up to which the frames of a delta that were sent are
   * complete.
   */
  | {
      readonly kind: "paused";
      readonly reached: number | undefined;
      readonly nowMs: number;
      readonly nowUnixMs: number;
    }
  | { readonly kind: "told slow" }
  /** The client has been sent everything up to the view's head. */
  | { readonly kind: "caught up" };

export function transition(state: SubscriptionState, event: SubscriptionEvent): SubscriptionState {
  switch (event.kind) {
    case "answered":
      return state.kind === "opening"
        ? { kind: "live", cursor: event.cursor, pause: state.pause }
        : state;
    case "began": {
      const { update, seq, frameCount } = event;
      return { kind: "sending", update, seq, frameCount, nextFrame: 0, pause: state.pause };
    }
    case "sent":
      if (state.kind !== "sending") return state;
      if (state.nextFrame + 1 < state.frameCount)
        return { ...state, nextFrame: state.nextFrame + 1 };
      return { kind: "live", cursor: state.seq, pause: state.pause };
    case "paused": {
      const pause = state.pause ?? {
        sinceMs: event.nowMs,
        sinceUnixMs: event.nowUnixMs,
        isTold: false,
      };
      // The delta is released, and the next one continues from the reached seq: a slow client costs
      // only that number.
      if (state.kind === "sending" && state.update === "delta" && event.reached !== undefined)
        return { kind: "live", cursor: event.reached, pause };
      return { ...state, pause };
    }
    case "told slow":
      return state.pause === undefined
        ? state
        : { ...state, pause: { ...state.pause, isTold: true } };
    case "caught up":
      return state.pause === undefined ? state : { ...state, pause: undefined };
  }
}

/** Whether a delta leads from a cursor to the view's head, or why not. */
export type Delta = "there" | SnapshotReason;

export interface SubscriptionFacts {
  /** The newest change of the channel on this node, and of the view. */
  readonly headSeq: number;
  readonly lastSeq: number;
  /** Milliseconds since the client requested it. */
  readonly waitedMs: number;
  readonly aheadMsMax: number;
  readonly hasCredit: boolean;
  readonly hasRoom: boolean;
  /** The update under way was abandoned for a newer one. */
  readonly isAbandoned: boolean;
  /** Sending is within one seq of a delta; a seq is never split over two turns. */
  readonly isWithinSeq: boolean;
  /** The client gets all rows at each change. */
  readonly isWhole: boolean;
  deltaFrom(cursor: number): Delta;
}

export type Step =
  /** The cursor is ahead of this node, which may catch up. */
  | { readonly do: "wait" }
  | { readonly do: "answer"; readonly from: number }
  | { readonly do: "answer with a snapshot"; readonly reason: SnapshotReason }
  | { readonly do: "begin a delta"; readonly cursor: number }
  /** `isReset`: the client did not request a snapshot, so it gets the reason. */
  | { readonly do: "begin a snapshot"; readonly reason: SnapshotReason; readonly isReset: boolean }
  | { readonly do: "send a frame"; readonly index: number }
  | { readonly do: "pause" }
  /** The client is up to date. */
  | { readonly do: "rest" };

const REST: Step = { do: "rest" };
const PAUSE: Step = { do: "pause" };

/** The next step for a subscription that is being served. */
export function stepOf(state: SubscriptionState, facts: SubscriptionFacts): Step {
  switch (state.kind) {
    case "opening":
      return openingStep(state, facts);
    case "sending":
      if (!facts.hasCredit || (!facts.hasRoom && !facts.isWithinSeq)) return PAUSE;
      if (facts.isAbandoned) return { do: "begin a snapshot", reason: "smaller", isReset: false };
      return { do: "send a frame", index: state.nextFrame };
    case "live": {
      if (state.cursor >= facts.lastSeq) return REST;
      if (!facts.hasCredit || !facts.hasRoom) return PAUSE;
      if (facts.isWhole) return { do: "begin a snapshot", reason: "smaller", isReset: false };
      const delta = facts.deltaFrom(state.cursor);
      return delta === "there"
        ? { do: "begin a delta", cursor: state.cursor }
        : { do: "begin a snapshot", reason: delta, isReset: true };
    }
  }
}

function openingStep(
  { cursor, reason }: SubscriptionState & { kind: "opening" },
  facts: SubscriptionFacts,
): Step {
  if (cursor === undefined) return { do: "answer with a snapshot", reason };
  if (cursor > facts.headSeq)
    return facts.waitedMs < facts.aheadMsMax
      ? { do: "wait" }
      : { do: "answer with a snapshot", reason: "ahead" };
  const delta = cursor < facts.lastSeq ? facts.deltaFrom(cursor) : "there";
  return delta === "there"
    ? { do: "answer", from: cursor }
    : { do: "answer with a snapshot", reason: delta };
}

/** Whether the client lacks changes. */
export function isBehind(state: SubscriptionState, lastSeq: number): boolean {
  return state.kind !== "live" || state.cursor < lastSeq;
}
