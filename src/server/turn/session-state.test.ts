/** The session's state machine: every (state, event), and the timed actions in each state. */
import { describe, expect, it } from "vitest";
import { dueOf, nextSessionState, type SessionEvent, type SessionState } from "./session-state.ts";

type State = SessionState<string>;
const states = {
  greeting: { kind: "greeting", sinceMs: 1 },
  identifying: { kind: "identifying", early: ["a"], sinceMs: 1 },
  open: { kind: "open", identity: "rita", identityHash: "m" },
  closed: { kind: "closed" },
} as const satisfies Record<string, State>;
const events = {
  identify: { kind: "identify", nowMs: 5 },
  "spoke early": { kind: "spoke early", said: "b" },
  accepted: { kind: "accepted", identity: "rita", identityHash: "m" },
  refused: { kind: "refused", nowMs: 5 },
  ended: { kind: "ended", nowMs: 5 },
  left: { kind: "left" },
} as const satisfies Record<string, SessionEvent<string>>;
const anew: State = { kind: "greeting", sinceMs: 5 };
/** The next state of each pair; a pair that is not listed changes nothing. */
const table: Record<keyof typeof states, Partial<Record<keyof typeof events, State>>> = {
  greeting: { identify: { kind: "identifying", early: [], sinceMs: 5 }, left: { kind: "closed" } },
  identifying: {
    "spoke early": { kind: "identifying", early: ["a", "b"], sinceMs: 1 },
    accepted: states.open,
    refused: anew,
    left: { kind: "closed" },
  },
  open: { ended: anew, left: { kind: "closed" } },
  closed: {},
};

const times = {
  silenceMsMax: 100,
  identifyTimeoutMs: 50,
  watermarkIntervalMs: 20,
  heartbeatIntervalMs: 30,
};
const facts = { nowMs: 200, lastHeardMs: 200, lastTurnMs: 200, lastPingMs: undefined };

describe("a session", () => {
  for (const [stateName, state] of Object.entries(states) as [keyof typeof states, State][]) {
    it.each(Object.keys(events) as (keyof typeof events)[])(`${stateName}: %s`, (eventName) => {
      expect(nextSessionState(state, events[eventName])).toEqual(
        table[stateName][eventName] ?? state,
      );
    });
  }

  it("is closed for silence, and for not identifying in time", () => {
    expect(dueOf(states.open, { ...facts, lastHeardMs: 99 }, times)).toBe("close: nothing heard");
    expect(dueOf(states.open, { ...facts, lastHeardMs: 100 }, times)).toBeUndefined();
    for (const kind of ["greeting", "identifying"] as const) {
      expect(dueOf({ ...states[kind], sinceMs: 149 }, facts, times)).toBe("close: no IDENTIFY");
      expect(dueOf({ ...states[kind], sinceMs: 150 }, facts, times)).toBeUndefined();
    }
    expect(
      dueOf(states.closed, { ...facts, lastHeardMs: 0, lastTurnMs: 0, lastPingMs: 0 }, times),
    ).toBeUndefined();
  });

  it("is sent a ping once per interval, when it sends no heartbeats", () => {
    const quiet = { ...facts, lastHeardMs: 170 };
    expect(dueOf(states.open, quiet, times)).toBeUndefined();
    expect(dueOf(states.open, { ...quiet, lastPingMs: 0 }, times)).toBe("ping");
    expect(dueOf(states.open, { ...quiet, lastPingMs: 171 }, times)).toBeUndefined();
    expect(dueOf(states.open, { ...facts, lastPingMs: 0 }, times)).toBeUndefined();
  });

  it("is sent a watermark when it is open and has had no turn lately", () => {
    expect(dueOf(states.open, { ...facts, lastTurnMs: 180 }, times)).toBe("watermark");
    expect(
      dueOf({ ...states.greeting, sinceMs: 200 }, { ...facts, lastTurnMs: 180 }, times),
    ).toBeUndefined();
  });
});
