/**
 * One client's cursor into one view, as a state machine: (state, event) to the next state, and (state, facts)
 * to what is to be done. Pure: the turn writer gathers the facts, does what is said, and tells what came of it.
 *
 *   opening ──answered──▶ live ──began──▶ sending ──sent, the last──▶ live …
 *      │  └─(ahead of the node: waits)      │  ▲
 *      └────────────began─────────────────▶ sending ──given up──▶ sending anew
 *
 * The cursor is the seq up to which everything has been sent. Sending may pause for want of credit or room; the
 * state keeps since when, until the cursor is at the view's head again. Below the view's floor there is no delta, only a snapshot.
 */
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";

/** For want of credit or of room in the socket; monotonic and unix milliseconds. */
interface Pause {
  readonly sinceMs: number;
  readonly sinceUnixMs: number;
  /** The client has been told that it is slow. */
  readonly isTold: boolean;
}

export type SubscriptionState =
  | {
      readonly kind: "opening";
      /** To continue from, or undefined to start with a snapshot. */
      readonly cursor: number | undefined;
      /** Why there is no usable cursor. */
      readonly reason: SnapshotReason;
      /** When it was asked for; monotonic milliseconds. */
      readonly sinceMs: number;
      readonly pause: Pause | undefined;
    }
  | {
      readonly kind: "sending";
      readonly update: "snapshot" | "delta";
      /** Where it leads. */
      readonly seq: number;
      readonly nextFrame: number;
      readonly frameCount: number;
      readonly pause: Pause | undefined;
    }
  | { readonly kind: "live"; readonly cursor: number; readonly pause: Pause | undefined };

export type SubscriptionEvent =
  /** The client was told that it continues from here. */
  | { readonly kind: "answered"; readonly cursor: number }
  /** An update is going to be sent. */
  | {
      readonly kind: "began";
      readonly update: "snapshot" | "delta";
      readonly seq: number;
      readonly frameCount: number;
    }
  /** One frame of it was. */
  | { readonly kind: "sent" }
  /** Nothing more for now. `reached`: the seq up to which the frames of a delta that were sent are whole. */
  | {
      readonly kind: "paused";
      readonly reached: number | undefined;
      readonly nowMs: number;
      readonly nowUnixMs: number;
    }
  | { readonly kind: "told slow" }
  /** It has been sent everything that there is. */
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
      // A delta is given back, and goes on from the seq that it reached: what a slow client holds is a number.
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

/** What there is between a cursor and a view's head. */
export type Delta = "there" | SnapshotReason;

export interface SubscriptionFacts {
  /** The newest seq that the node holds of the channel, and the view's newest change. */
  readonly headSeq: number;
  readonly lastSeq: number;
  /** Since it was asked for. */
  readonly waitedMs: number;
  readonly aheadMsMax: number;
  readonly hasCredit: boolean;
  readonly hasRoom: boolean;
  /** The update under way was given up for a newer one. */
  readonly isAbandoned: boolean;
  /** Within one seq of a delta, which is never split over two turns. */
  readonly isWithinSeq: boolean;
  deltaFrom(cursor: number): Delta;
}

export type Step =
  /** Its cursor is ahead of this node, which may catch up. */
  | { readonly do: "wait" }
  | { readonly do: "answer"; readonly from: number }
  | { readonly do: "answer with a snapshot"; readonly reason: SnapshotReason }
  | { readonly do: "begin a delta"; readonly cursor: number }
  /** `isReset`: the client has to be told, since it did not ask. */
  | { readonly do: "begin a snapshot"; readonly reason: SnapshotReason; readonly isReset: boolean }
  | { readonly do: "send a frame"; readonly index: number }
  | { readonly do: "pause" }
  /** There is nothing that the client lacks. */
  | { readonly do: "rest" };

const REST: Step = { do: "rest" };
const PAUSE: Step = { do: "pause" };

/** The next thing to do for a subscription whose turn it is. */
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

/** There is something that its client has not been sent. */
export function isBehind(state: SubscriptionState, lastSeq: number): boolean {
  return state.kind !== "live" || state.cursor < lastSeq;
}
