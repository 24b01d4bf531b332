/** Every state under every event: the table's type demands each cell. */
import { describe, expect, it } from "vitest";
import {
  BACKOFF,
  transition,
  type ConnectionEvent,
  type ConnectionState,
} from "./connection-state.ts";

type Kind = ConnectionState["kind"];

const STATES: { readonly [K in Kind]: ConnectionState & { kind: K } } = {
  idle: { kind: "idle" },
  connecting: { kind: "connecting", attempt: 2 },
  greeting: { kind: "greeting", attempt: 2 },
  identifying: { kind: "identifying", attempt: 2, isSeamless: false },
  open: { kind: "open", sinceMs: 5, attempt: 2 },
  waiting: { kind: "waiting", attempt: 2, retryAtMs: 9, reason: "lost" },
  refused: { kind: "refused", code: "UNAUTHENTICATED", reason: "no" },
  stopped: { kind: "stopped" },
};

const EVENTS: { readonly [K in ConnectionEvent["kind"]]: ConnectionEvent & { kind: K } } = {
  start: { kind: "start" },
  opened: { kind: "opened" },
  hello: { kind: "hello" },
  ready: { kind: "ready" },
  invalid: { kind: "invalid" },
  closed: { kind: "closed", code: 1006, reason: "" },
  silent: { kind: "silent" },
  reconnect: { kind: "reconnect", retryAfterMs: 400 },
  upgraded: { kind: "upgraded" },
  retry: { kind: "retry" },
  online: { kind: "online" },
  stop: { kind: "stop" },
};

type Row = { readonly [E in ConnectionEvent["kind"]]: Kind };
const stay = (kind: Kind): Row => ({
  start: kind,
  opened: kind,
  hello: kind,
  ready: kind,
  invalid: kind,
  closed: kind,
  silent: kind,
  reconnect: kind,
  upgraded: kind,
  retry: kind,
  online: kind,
  stop: "stopped",
});
const lost = { closed: "waiting", silent: "waiting", reconnect: "waiting" } as const;

const TABLE: { readonly [K in Kind]: Row } = {
  idle: { ...stay("idle"), start: "connecting" },
  connecting: { ...stay("connecting"), ...lost, opened: "greeting" },
  greeting: { ...stay("greeting"), ...lost, hello: "identifying" },
  identifying: { ...stay("identifying"), ...lost, ready: "open" },
  open: { ...stay("open"), ...lost, invalid: "identifying", upgraded: "identifying" },
  waiting: { ...stay("waiting"), retry: "connecting", online: "connecting" },
  refused: { ...stay("refused"), start: "connecting" },
  stopped: stay("stopped"),
};

const circumstances = { nowMs: 20_000, chance: 0.5, backoff: BACKOFF };

describe("the connection", () => {
  for (const state of Object.keys(TABLE) as Kind[]) {
    for (const event of Object.keys(EVENTS) as ConnectionEvent["kind"][]) {
      it(`${state} on ${event} is ${TABLE[state][event]}`, () => {
        expect(transition(STATES[state], EVENTS[event], circumstances).kind).toBe(
          TABLE[state][event],
        );
      });
    }
  }

  it("retries soon after a connection that was open, then waits longer each time, partly at random, up to the cap", () => {
    const wait = (state: ConnectionState, chance: number): number => {
      const next = transition(state, EVENTS.closed, { ...circumstances, chance });
      return next.kind === "waiting" ? next.retryAtMs - circumstances.nowMs : Number.NaN;
    };
    const failed = (attempt: number): ConnectionState => ({ kind: "connecting", attempt });
    expect([wait(STATES.open, 0), wait(STATES.open, 0.5), wait(failed(0), 0.5)]).toEqual([
      0, 500, 500,
    ]);
    expect([1, 2, 3, 4, 5, 50].map((attempt) => wait(failed(attempt), 1))).toEqual([
      2_000, 4_000, 8_000, 16_000, 32_000, 32_000,
    ]);
    expect(wait(failed(1), 0)).toBe(1_000);
    // A connection that closes at once each time is no success.
    expect(wait({ kind: "open", sinceMs: 19_000, attempt: 2 }, 1)).toBe(4_000);
  });

  it("waits at least as long as the server asks", () => {
    const state = transition(STATES.open, EVENTS.reconnect, circumstances);
    expect(state.kind === "waiting" && state.retryAtMs - circumstances.nowMs).toBe(600);
  });

  it("identifies anew when its session is not valid any more", () => {
    // A new object: entering the state again is what makes the shell send IDENTIFY.
    expect(transition(STATES.identifying, EVENTS.invalid, circumstances)).not.toBe(
      STATES.identifying,
    );
  });

  it("does not retry by itself when its credentials were refused", () => {
    expect(
      transition(STATES.identifying, { kind: "closed", code: 4401, reason: "" }, circumstances)
        .kind,
    ).toBe("refused");
  });

  it("does not retry by itself when there is no version that both sides speak", () => {
    const closed = { kind: "closed", code: 4406, reason: "The server is too old." } as const;
    const refused = {
      kind: "refused",
      code: "PROTOCOL_MISMATCH",
      reason: "The server is too old.",
    };
    expect(transition(STATES.greeting, closed, circumstances)).toEqual(refused);
    expect(transition(STATES.open, closed, circumstances)).toEqual(refused);
  });
});
