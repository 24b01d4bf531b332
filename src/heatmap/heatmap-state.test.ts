/** Every state under every event: the table's type demands each cell. */
import { describe, expect, it } from "vitest";
import {
  LASTING_MS,
  PROBE_MS,
  statusOf,
  transition,
  type HeatmapEvent,
  type HeatmapState,
} from "./heatmap-state.ts";

type Kind = HeatmapState["kind"];

const STATES: { readonly [K in Kind]: HeatmapState & { kind: K } } = {
  disconnected: { kind: "disconnected" },
  connecting: { kind: "connecting", attempt: 0 },
  connected: { kind: "connected", attempt: 0, sinceMs: 0, isStale: false },
  waiting: { kind: "waiting", attempt: 1, dueMs: 9 },
  polling: { kind: "polling", dueMs: 9, isStale: false },
  probing: { kind: "probing", isStale: false },
};

const EVENTS: readonly HeatmapEvent["kind"][] = [
  "connect",
  "disconnect",
  "heard",
  "closed",
  "due",
  "stale",
  "fresh",
];

type Row = { readonly [E in HeatmapEvent["kind"]]: Kind };
const stay = (kind: Kind): Row => ({
  connect: kind,
  disconnect: "disconnected",
  heard: kind,
  closed: kind,
  due: kind,
  stale: kind,
  fresh: kind,
});

const TABLE: { readonly [K in Kind]: Row } = {
  disconnected: { ...stay("disconnected"), connect: "connecting" },
  connecting: { ...stay("connecting"), heard: "connected", closed: "waiting" },
  connected: { ...stay("connected"), closed: "waiting" },
  waiting: { ...stay("waiting"), due: "connecting" },
  polling: { ...stay("polling"), due: "probing" },
  probing: { ...stay("probing"), heard: "connected", closed: "polling" },
};

const NOW_MS = 50_000;
const after = (state: HeatmapState, kind: HeatmapEvent["kind"]): HeatmapState =>
  transition(state, { kind }, NOW_MS);

describe("the connection of a heatmap", () => {
  for (const state of Object.keys(TABLE) as Kind[])
    for (const event of EVENTS)
      it(`${state} on ${event} is ${TABLE[state][event]}`, () => {
        const next = after(STATES[state], event);
        expect(next.kind).toBe(TABLE[state][event]);
        if (event !== "stale" && next.kind === state) expect(next).toBe(STATES[state]);
      });

  it("waits 2, 4, 8, 16 and 32 s between attempts, and polls after the last", () => {
    const waits: number[] = [];
    let state: HeatmapState = STATES.connecting;
    while (state.kind === "connecting") {
      const next = after(state, "closed");
      if (next.kind === "waiting") waits.push(next.dueMs - NOW_MS);
      state = next.kind === "waiting" ? after(next, "due") : next;
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000]);
    expect(state).toEqual({ kind: "polling", dueMs: NOW_MS + PROBE_MS, isStale: false });
  });

  it("goes on where it was when a connection was short, and starts again when it lasted", () => {
    const since = (sinceMs: number): HeatmapState => ({
      kind: "connected",
      attempt: 3,
      sinceMs,
      isStale: false,
    });
    expect(after(since(NOW_MS - LASTING_MS + 1), "closed")).toMatchObject({ attempt: 4 });
    expect(after(since(NOW_MS - LASTING_MS), "closed")).toMatchObject({ attempt: 1 });
    const probed = after(STATES.probing, "heard");
    expect(after(probed, "closed").kind).toBe("polling");
  });

  it("has a word for each state", () => {
    const words = Object.values(STATES).map((state) => statusOf(state));
    expect(words).toEqual([
      "disconnected",
      "connecting",
      "connected",
      "reconnecting",
      "polling",
      "polling",
    ]);
    expect(statusOf({ kind: "connecting", attempt: 1 })).toBe("reconnecting");
    for (const kind of ["connected", "polling", "probing"] as const)
      expect(statusOf(after(STATES[kind], "stale"))).toBe("stale");
  });
});
