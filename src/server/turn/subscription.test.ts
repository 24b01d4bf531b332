/**
 * The cursor's state machine: every (state, event), and the step of each state for each
 * combination of facts.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isBehind,
  stepOf,
  transition,
  type SubscriptionEvent,
  type SubscriptionFacts,
  type SubscriptionState,
} from "./subscription.ts";

const pause = { sinceMs: 1, sinceUnixMs: 2, isTold: false };
const states = {
  "opening, no cursor": {
    kind: "opening",
    cursor: undefined,
    reason: "no_cursor",
    sinceMs: 0,
    pause: undefined,
  },
  "opening at 5": { kind: "opening", cursor: 5, reason: "floor", sinceMs: 0, pause: undefined },
  "opening, pause": { kind: "opening", cursor: 5, reason: "floor", sinceMs: 0, pause },
  "sending a snapshot": {
    kind: "sending",
    update: "snapshot",
    seq: 9,
    nextFrame: 0,
    frameCount: 2,
    pause: undefined,
  },
  "sending its last frame": {
    kind: "sending",
    update: "snapshot",
    seq: 9,
    nextFrame: 1,
    frameCount: 2,
    pause,
  },
  "sending a delta": {
    kind: "sending",
    update: "delta",
    seq: 9,
    nextFrame: 1,
    frameCount: 3,
    pause: undefined,
  },
  "live at 5": { kind: "live", cursor: 5, pause: undefined },
  "live at 5, pause": { kind: "live", cursor: 5, pause },
} as const satisfies Record<string, SubscriptionState>;
const events = {
  answered: { kind: "answered", cursor: 5 },
  began: { kind: "began", update: "delta", seq: 12, frameCount: 4 },
  sent: { kind: "sent" },
  paused: { kind: "paused", reached: undefined, nowMs: 10, nowUnixMs: 20 },
  "paused at 7": { kind: "paused", reached: 7, nowMs: 10, nowUnixMs: 20 },
  "told slow": { kind: "told slow" },
  "caught up": { kind: "caught up" },
} as const satisfies Record<string, SubscriptionEvent>;

const begun = { kind: "sending", update: "delta", seq: 12, nextFrame: 0, frameCount: 4 } as const;
const now = { sinceMs: 10, sinceUnixMs: 20, isTold: false };
const told = { ...pause, isTold: true };
/** The next state of each pair; a pair that is not listed changes nothing. */
const table: Record<
  keyof typeof states,
  Partial<Record<keyof typeof events, SubscriptionState>>
> = {
  "opening, no cursor": {
    answered: { kind: "live", cursor: 5, pause: undefined },
    began: { ...begun, pause: undefined },
    paused: { ...states["opening, no cursor"], pause: now },
    "paused at 7": { ...states["opening, no cursor"], pause: now },
  },
  "opening at 5": {
    answered: { kind: "live", cursor: 5, pause: undefined },
    began: { ...begun, pause: undefined },
    paused: { ...states["opening at 5"], pause: now },
    "paused at 7": { ...states["opening at 5"], pause: now },
  },
  "opening, pause": {
    answered: { kind: "live", cursor: 5, pause },
    began: { ...begun, pause },
    "told slow": { ...states["opening, pause"], pause: told },
    "caught up": { ...states["opening, pause"], pause: undefined },
  },
  "sending a snapshot": {
    began: { ...begun, pause: undefined },
    sent: { ...states["sending a snapshot"], nextFrame: 1 },
    paused: { ...states["sending a snapshot"], pause: now },
    "paused at 7": { ...states["sending a snapshot"], pause: now },
  },
  "sending its last frame": {
    began: { ...begun, pause },
    sent: { kind: "live", cursor: 9, pause },
    paused: { ...states["sending its last frame"] },
    "paused at 7": { ...states["sending its last frame"] },
    "told slow": { ...states["sending its last frame"], pause: told },
    "caught up": { ...states["sending its last frame"], pause: undefined },
  },
  "sending a delta": {
    began: { ...begun, pause: undefined },
    sent: { ...states["sending a delta"], nextFrame: 2 },
    paused: { ...states["sending a delta"], pause: now },
    "paused at 7": { kind: "live", cursor: 7, pause: now },
  },
  "live at 5": {
    began: { ...begun, pause: undefined },
    paused: { ...states["live at 5"], pause: now },
    "paused at 7": { ...states["live at 5"], pause: now },
  },
  "live at 5, pause": {
    began: { ...begun, pause },
    "told slow": { ...states["live at 5, pause"], pause: told },
    "caught up": { kind: "live", cursor: 5, pause: undefined },
  },
};

const facts: SubscriptionFacts = {
  headSeq: 9,
  lastSeq: 9,
  waitedMs: 0,
  aheadMsMax: 100,
  hasCredit: true,
  hasRoom: true,
  isAbandoned: false,
  isWithinSeq: false,
  isWhole: false,
  deltaFrom: () => "there",
};
const step = (state: SubscriptionState, changed: Partial<SubscriptionFacts> = {}) =>
  stepOf(state, { ...facts, ...changed });

describe("a subscription", () => {
  for (const [stateName, state] of Object.entries(states) as [
    keyof typeof states,
    SubscriptionState,
  ][]) {
    it.each(Object.keys(events) as (keyof typeof events)[])(`${stateName}: %s`, (eventName) => {
      expect(transition(state, events[eventName])).toEqual(table[stateName][eventName] ?? state);
    });
  }

  it("that opens is answered at its cursor, and waits while it is ahead of the node", () => {
    expect(step(states["opening, no cursor"])).toEqual({
      do: "answer with a snapshot",
      reason: "no_cursor",
    });
    expect(step(states["opening at 5"])).toEqual({ do: "answer", from: 5 });
    expect(step(states["opening at 5"], { lastSeq: 5 })).toEqual({ do: "answer", from: 5 });
    expect(step(states["opening at 5"], { deltaFrom: () => "floor" })).toEqual({
      do: "answer with a snapshot",
      reason: "floor",
    });
    // At the head a delta would be empty.
    expect(step(states["opening at 5"], { lastSeq: 5, deltaFrom: () => "floor" })).toEqual({
      do: "answer",
      from: 5,
    });
    expect(step(states["opening at 5"], { headSeq: 4, lastSeq: 4 })).toEqual({ do: "wait" });
    expect(step(states["opening at 5"], { headSeq: 4, lastSeq: 4, waitedMs: 100 })).toEqual({
      do: "answer with a snapshot",
      reason: "ahead",
    });
    // The answer itself needs neither credit nor room.
    expect(step(states["opening at 5"], { hasCredit: false, hasRoom: false })).toEqual({
      do: "answer",
      from: 5,
    });
  });

  it("that sends continues frame by frame, pauses between seqs, and starts an abandoned update anew", () => {
    expect(step(states["sending a delta"])).toEqual({ do: "send a frame", index: 1 });
    expect(step(states["sending a delta"], { hasRoom: false })).toEqual({ do: "pause" });
    expect(step(states["sending a delta"], { hasRoom: false, isWithinSeq: true })).toEqual({
      do: "send a frame",
      index: 1,
    });
    expect(step(states["sending a snapshot"], { hasCredit: false })).toEqual({ do: "pause" });
    expect(step(states["sending a snapshot"], { isAbandoned: true })).toEqual({
      do: "begin a snapshot",
      reason: "smaller",
      isReset: false,
    });
    // No update is built for a session that can't take it.
    expect(step(states["sending a snapshot"], { isAbandoned: true, hasRoom: false })).toEqual({
      do: "pause",
    });
    expect(step(states["sending a snapshot"], { isAbandoned: true, hasCredit: false })).toEqual({
      do: "pause",
    });
  });

  it("that is live rests at the head, and gets there by a delta, or from below the floor by a snapshot with a NOTICE", () => {
    expect(step(states["live at 5"], { lastSeq: 5 })).toEqual({ do: "rest" });
    expect(step(states["live at 5"])).toEqual({ do: "begin a delta", cursor: 5 });
    expect(step(states["live at 5"], { deltaFrom: () => "floor" })).toEqual({
      do: "begin a snapshot",
      reason: "floor",
      isReset: true,
    });
    expect(step(states["live at 5"], { isWhole: true })).toEqual({
      do: "begin a snapshot",
      reason: "smaller",
      isReset: false,
    });
    expect(step(states["live at 5"], { isWhole: true, hasRoom: false })).toEqual({ do: "pause" });
    expect(step(states["live at 5"], { hasCredit: false })).toEqual({ do: "pause" });
    expect(step(states["live at 5"], { hasRoom: false })).toEqual({ do: "pause" });
    expect(step(states["live at 5"], { lastSeq: 5, hasCredit: false, hasRoom: false })).toEqual({
      do: "rest",
    });
  });

  it("reaches the head after any events, and its cursor never goes back", () => {
    const room = fc.record({
      hasCredit: fc.boolean(),
      hasRoom: fc.boolean(),
      isWithinSeq: fc.boolean(),
      isWhole: fc.boolean(),
      isAbandoned: fc.boolean(),
      frames: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(states)),
        fc.array(room, { maxLength: 12 }),
        (start: SubscriptionState, turns) => {
          let state: SubscriptionState = start;
          let lowest = -1;
          const turn = (given: Partial<SubscriptionFacts>, frames: number): void => {
            for (let steps = 0; steps < 50; steps++) {
              const next = step(state, given);
              switch (next.do) {
                case "wait":
                case "rest":
                  state = transition(state, { kind: "caught up" });
                  return;
                case "pause":
                  state = transition(state, {
                    kind: "paused",
                    reached:
                      state.kind === "sending" && state.update === "delta" && state.nextFrame > 0
                        ? Math.max(lowest, 6)
                        : undefined,
                    nowMs: 0,
                    nowUnixMs: 0,
                  });
                  return;
                case "answer":
                  state = transition(state, { kind: "answered", cursor: next.from });
                  break;
                case "send a frame":
                  state = transition(state, { kind: "sent" });
                  break;
                default:
                  state = transition(state, {
                    kind: "began",
                    update: next.do === "begin a delta" ? "delta" : "snapshot",
                    seq: 9,
                    frameCount: frames,
                  });
                  given = { ...given, isAbandoned: false };
              }
              if (state.kind === "live") {
                expect(state.cursor).toBeGreaterThanOrEqual(lowest);
                lowest = state.cursor;
              }
            }
            expect.unreachable("a turn that does not end");
          };
          for (const { frames, ...given } of turns) turn(given, frames);
          turn({}, 2);
          expect(state).toEqual({ kind: "live", cursor: 9, pause: undefined });
          expect(isBehind(state, 9)).toBe(false);
        },
      ),
    );
  });
});
