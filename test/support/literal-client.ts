/**
 * A client in one thread on a manual clock, against sockets that send literal frames; its rows are
 * those of the channel `c`.
 */
import { ManualClock } from "../../src/std/manual-clock.ts";
import { seededRandom } from "../../src/std/random.ts";
import type { TidemarkClient } from "../../src/client/client.ts";
import { createClient, type ClientOptions, type WebSocketLike } from "../../src/client/node.ts";

export type Frame = Readonly<Record<string, unknown>>;

/** Closed after the test. */
export const clients: TidemarkClient[] = [];

export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

/** Servers as the client sees them: the frames that it sent, and the frames that it receives. */
export class FakeSocket implements WebSocketLike {
  static all: FakeSocket[] = [];
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly said: Frame[] = [];
  isClosed = false;

  constructor() {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.said.push(JSON.parse(text) as Frame);
  }

  close(): void {
    this.isClosed = true;
  }

  hear(...frames: readonly (Frame | string)[]): void {
    for (const frame of frames)
      this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  heard(op: string): Frame | undefined {
    return this.said.findLast((frame) => frame["op"] === op);
  }
}

export const HELLO = {
  op: "HELLO",
  protocol: 8,
  protocol_min: 5,
  session_id: "sess_h",
  heartbeat_interval_ms: 15_000,
  identify_timeout_ms: 10_000,
  server_time_unix_ms: 1_700_000_000_000,
};
export const READY = {
  op: "DISPATCH",
  type: "READY",
  session_id: "sess_token",
  epoch: "e1",
  seq: 0,
};
export const subscribed = (fields: Frame = {}): Frame => ({
  op: "DISPATCH",
  type: "SUBSCRIBED",
  index: 0,
  channel: "c",
  view: "c",
  epoch: "e1",
  key: ["id"],
  columns: [],
  order_by: [],
  mode: "snapshot",
  reason: "no_cursor",
  ...fields,
});
export const snapshot = (seq: number, ...ids: readonly string[]): Frame => ({
  op: "DISPATCH",
  type: "SNAPSHOT",
  channel: "c",
  seq,
  part: 0,
  more: false,
  rows: ids.map((id) => ({ id })),
});
export const delta = (prev_seq: number, seq: number, ...ids: readonly string[]): Frame => ({
  op: "DISPATCH",
  type: "DELTA_BATCH",
  channel: "c",
  prev_seq,
  seq,
  patch: { upsert: ids.map((id) => ({ id })), remove: [] },
  watermark: { latest_ingest_seq: seq },
});
export const DIGEST = { op: "DISPATCH", type: "DIGEST", channel: "c", seq: 5, digest: "0" };
export const watermark = (seq: number): Frame => ({
  op: "DISPATCH",
  type: "WATERMARK",
  seq,
  server_time_unix_ms: 1_700_000_000_000,
  as_of: {},
});

export const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export async function opened(options: Partial<ClientOptions> = {}) {
  FakeSocket.all = [];
  const clock = new ManualClock();
  const client = createClient({
    url: "ws://x/v2/stream",
    WebSocket: FakeSocket,
    fetch: () => Promise.reject(new Error("no network")),
    clock,
    random: seededRandom(1),
    ...options,
  });
  clients.push(client);
  const view = client.live({ channel: "c" });
  view.subscribe(() => {});
  const [socket] = FakeSocket.all as [FakeSocket];
  socket.onopen?.(undefined as never);
  socket.hear(HELLO);
  await settled();
  socket.hear(READY, subscribed(), snapshot(5, "a", "b"), watermark(7));
  return { client, clock, view, socket };
}

export const latest = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;
