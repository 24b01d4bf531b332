/** Every state under every event: the table's type demands each cell. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../std/random.ts";
import { BACKOFF } from "./backoff.ts";
import { transition, type ConnectionEvent, type ConnectionState } from "./connection-state.ts";

type Kind = ConnectionState["kind"];

const STATES: { readonly [K in Kind]: ConnectionState & { kind: K } } = {
  idle: { kind: "idle" },
  connecting: { kind: "connecting", attempt: 2, reason: "lost" },
  greeting: { kind: "greeting", attempt: 2, reason: "lost" },
  identifying: { kind: "identifying", attempt: 2, reason: "lost", isSeamless: false },
  open: { kind: "open", sinceMs: 5, attempt: 2 },
  waiting: { kind: "waiting", attempt: 2, retryAtMs: 9, reason: "lost", isAskedFor: false },
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
  away: { kind: "away" },
  busy: { kind: "busy", retryAfterMs: undefined },
  upgraded: { kind: "upgraded" },
  moved: { kind: "moved" },
  retry: { kind: "retry" },
  shown: { kind: "shown" },
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
  away: kind,
  busy: kind,
  upgraded: kind,
  moved: "connecting",
  retry: kind,
  shown: kind,
  online: kind,
  stop: "stopped",
});
const lost = {
  closed: "waiting",
  silent: "waiting",
  away: "waiting",
  busy: "waiting",
  reconnect: "waiting",
} as const;

const TABLE: { readonly [K in Kind]: Row } = {
  idle: { ...stay("idle"), moved: "idle", start: "connecting" },
  connecting: { ...stay("connecting"), ...lost, opened: "greeting" },
  greeting: { ...stay("greeting"), ...lost, hello: "identifying" },
  identifying: { ...stay("identifying"), ...lost, ready: "open" },
  open: { ...stay("open"), ...lost, invalid: "identifying", upgraded: "identifying" },
  waiting: {
    ...stay("waiting"),
    retry: "connecting",
    shown: "connecting",
    online: "connecting",
  },
  refused: { ...stay("refused"), start: "connecting" },
  stopped: { ...stay("stopped"), moved: "stopped" },
};

const circumstances = { nowMs: 20_000, chance: 0.5, backoff: BACKOFF, mayHurry: false };
const failed = (attempt: number): ConnectionState => ({
  kind: "connecting",
  attempt,
  reason: undefined,
});

/** The delay after an event. */
function waitAfter(
  state: ConnectionState,
  event: ConnectionEvent,
  given: Partial<typeof circumstances> = {},
): number {
  const next = transition(state, event, { ...circumstances, ...given });
  return next.kind === "waiting" ? next.retryAtMs - circumstances.nowMs : Number.NaN;
}

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
    const wait = (state: ConnectionState, chance: number): number =>
      waitAfter(state, EVENTS.closed, { chance });
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

  it("looks for an unreachable server at least every 1.5 s while somebody looks at the page", () => {
    for (const event of [EVENTS.away, EVENTS.closed, EVENTS.silent]) {
      const wait = (chance: number): number =>
        waitAfter(failed(50), event, { chance, mayHurry: true });
      expect([wait(0), wait(1)]).toEqual([750, 1_500]);
    }
    // A server that takes the socket is there: what it can't bear must not come at that rate.
    expect(waitAfter(STATES.greeting, EVENTS.silent, { mayHurry: true })).toBe(3_000);
    expect(waitAfter(failed(2), EVENTS.busy, { mayHurry: true })).toBe(3_000);
  });

  it("waits as long as Retry-After says, even when the page is shown", () => {
    const busy = { kind: "busy", retryAfterMs: 20_000 } as const;
    const state = transition(failed(2), busy, { ...circumstances, mayHurry: true });
    expect(state.kind === "waiting" && state.retryAtMs - circumstances.nowMs).toBe(30_000);
    expect(transition(state, EVENTS.shown, circumstances)).toBe(state);
  });

  it("begins with a short delay again when a server that was away for long refuses once", () => {
    const away = transition(failed(50), EVENTS.away, { ...circumstances, mayHurry: true });
    const again = transition(away, EVENTS.retry, circumstances);
    expect(waitAfter(again, EVENTS.closed)).toBe(3_000);
  });

  it("spreads 10,000 visible pages over the time in which a server returns", () => {
    const random = seededRandom(7);
    const perTenth = new Map<number, number>();
    for (let client = 0; client < 10_000; client++) {
      let state = STATES.open as ConnectionState;
      let nowMs = 20_000;
      // The server is away for a minute.
      while (nowMs < 80_000) {
        const given = { nowMs, chance: random.next(), backoff: BACKOFF, mayHurry: true };
        const waiting = transition(state, EVENTS.closed, given);
        nowMs = waiting.kind === "waiting" ? waiting.retryAtMs : Number.NaN;
        state = transition(waiting, EVENTS.retry, given);
      }
      const tenth = Math.floor((nowMs - 80_000) / 100);
      perTenth.set(tenth, (perTenth.get(tenth) ?? 0) + 1);
    }
    expect(Math.max(...perTenth.keys())).toBeLessThan(15);
    expect(Math.max(...perTenth.values())).toBeLessThan(1_200);
  });

  it("keeps the reason of a loss until it is open again", () => {
    const connecting = transition(STATES.waiting, EVENTS.retry, circumstances);
    const greeting = transition(connecting, EVENTS.opened, circumstances);
    expect(transition(greeting, EVENTS.hello, circumstances)).toMatchObject({ reason: "lost" });
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
