/** The stats of a client that has not connected yet. */
import type { ConnectionStats } from "./port.ts";

export const NOT_CONNECTED: ConnectionStats = {
  state: { kind: "idle" },
  silentSinceMs: undefined,
  carrier: "websocket",
  seq: 0,
  epoch: undefined,
  asOf: undefined,
  serverTimeMs: undefined,
  lagMs: undefined,
  roundTripMs: undefined,
  clockOffsetMs: 0,
  gaps: 0,
  drifts: 0,
  queueDepth: 0,
  turns: 0,
  latencyP50Ms: undefined,
  latencyP99Ms: undefined,
  latencySamples: 0,
  applyP50Ms: undefined,
  applyP99Ms: undefined,
  rowsPerSecond: 0,
  bytesPerSecond: 0,
  rows: 0,
  bytes: 0,
  requestsPending: { row: 0, snapshot: 0, poll: 0, up: 0 },
};
