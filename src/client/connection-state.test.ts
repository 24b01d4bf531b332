/** Every state under every event: the table's type demands each cell. */
import { describe, expect, it } from "vitest";
import { BACKOFF, transition, type ConnectionEvent, type ConnectionState } from "./connection-state.ts";

type Kind = ConnectionState["kind"];

const STATES: { readonly [K in Kind]: ConnectionState & { kind: K } } = {
  idle: { kind: "idle" },
  connecting: { kind: "connecting", attempt: 2 },
  greeting: { kind: "greeting", attempt: 2 },
  identifying: { kind: "identifying", attempt: 2, sessionId: "s" },
  open: { kind: "open", sessionId: "s", sinceMs: 5 },
  waiting: { kind: "waiting", attempt: 2, retryAtMs: 9, reason: "lost" },
  refused: { kind: "refused", reason: "no" },
  stopped: { kind: "stopped" },
};

const EVENTS: { readonly [K in ConnectionEvent["kind"]]: ConnectionEvent & { kind: K } } = {
  start: { kind: "start" },
  opened: { kind: "opened" },
  hello: { kind: "hello", sessionId: "s" },
  ready: { kind: "ready" },
  closed: { kind: "closed", code: 1006, reason: "" },
  silent: { kind: "silent" },
  retry: { kind: "retry" },
  online: { kind: "online" },
  stop: { kind: "stop" },
};

type Row = { readonly [E in ConnectionEvent["kind"]]: Kind };
const stay = (kind: Kind): Row => ({ start: kind, opened: kind, hello: kind, ready: kind, closed: kind, silent: kind, retry: kind, online: kind, stop: "stopped" });

const TABLE: { readonly [K in Kind]: Row } = {
  idle: { ...stay("idle"), start: "connecting" },
  connecting: { ...stay("connecting"), opened: "greeting", closed: "waiting", silent: "waiting" },
  greeting: { ...stay("greeting"), hello: "identifying", closed: "waiting", silent: "waiting" },
  identifying: { ...stay("identifying"), ready: "open", closed: "waiting", silent: "waiting" },
  open: { ...stay("open"), closed: "waiting", silent: "waiting" },
  waiting: { ...stay("waiting"), retry: "connecting", online: "connecting" },
  refused: { ...stay("refused"), start: "connecting" },
  stopped: stay("stopped"),
};

const circumstances = { nowMs: 1_000, chance: 0.5, backoff: BACKOFF };

describe("the connection", () => {
  for (const state of Object.keys(TABLE) as Kind[]) {
    for (const event of Object.keys(EVENTS) as ConnectionEvent["kind"][]) {
      it(`${state} on ${event} is ${TABLE[state][event]}`, () => {
        expect(transition(STATES[state], EVENTS[event], circumstances).kind).toBe(TABLE[state][event]);
      });
    }
  }

  it("waits longer each time, with chance, up to the cap", () => {
    const wait = (attempt: number, chance: number): number => {
      const state = transition({ kind: "connecting", attempt }, EVENTS.closed, { ...circumstances, chance });
      return state.kind === "waiting" ? state.retryAtMs - circumstances.nowMs : Number.NaN;
    };
    expect([wait(0, 0), wait(0, 1), wait(1, 0), wait(3, 0), wait(50, 1)]).toEqual([250, 500, 500, 2_000, BACKOFF.capMs]);
  });

  it("does not come back by itself when its credentials were refused", () => {
    expect(transition(STATES.identifying, { kind: "closed", code: 4401, reason: "" }, circumstances).kind).toBe("refused");
  });
});
