/** A client that has lost its server: how it looks for it, and what it says meanwhile. */
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import type { TidemarkClient } from "./client.ts";
import { createClient, type ClientOptions, type Pacing, type WebSocketLike } from "./node.ts";

/** What the network does with a socket and a request. */
const network = {
  isUp: true,
  status: 400,
  headers: {} as Readonly<Record<string, string>>,
  sockets: [] as FakeSocket[],
  requests: 0,
};
const clients: TidemarkClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

class FakeSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;

  constructor() {
    network.sockets.push(this);
    if (!network.isUp) queueMicrotask(() => this.onclose?.({ code: 1006, reason: "" }));
  }

  send(): void {}
  close(): void {}

  hear(...frames: readonly object[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

const fetch = (): Promise<Response> => {
  network.requests++;
  if (!network.isUp) return Promise.reject(new TypeError("fetch failed"));
  const { status, headers } = network;
  return Promise.resolve(
    new Response(JSON.stringify({ code: status === 400 ? "BAD_MESSAGE" : "" }), {
      status,
      headers,
    }),
  );
};
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
const NOW_MS = 1_700_000_000_000;
const watermark = (seq: number, fields: object = {}): object => ({
  op: "DISPATCH",
  type: "WATERMARK",
  seq,
  server_time_unix_ms: NOW_MS,
  as_of: {},
  ...fields,
});
const rows = (...ids: readonly number[]): readonly object[] => ids.map((id) => ({ id }));

async function greet(socket: FakeSocket): Promise<void> {
  socket.onopen?.(undefined as never);
  socket.hear({
    op: "HELLO",
    protocol: 7,
    protocol_min: 5,
    session_id: "sess_h",
    heartbeat_interval_ms: 15_000,
    identify_timeout_ms: 10_000,
    server_time_unix_ms: NOW_MS,
  });
  await settled();
  socket.hear(
    { op: "DISPATCH", type: "READY", session_id: "sess_token", epoch: "e1", seq: 0 },
    {
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
    },
    {
      op: "DISPATCH",
      type: "SNAPSHOT",
      channel: "c",
      seq: 5,
      part: 0,
      more: false,
      rows: rows(1, 2, 3),
    },
    watermark(5, { oldest_commit_unix_ms: NOW_MS - 9_000 }),
  );
}

async function opened(options: Partial<ClientOptions> = {}) {
  Object.assign(network, { isUp: true, status: 400, headers: {}, sockets: [], requests: 0 });
  const clock = new ManualClock();
  const client = createClient({
    url: "ws://x/v2/stream",
    WebSocket: FakeSocket,
    fetch,
    clock,
    random: seededRandom(1),
    carriers: ["websocket"],
    ...options,
  });
  clients.push(client);
  const view = client.live({ channel: "c" });
  view.subscribe(() => {});
  await greet(network.sockets[0] as FakeSocket);
  const state = () => client.connection.getSnapshot().state;
  /** Passes time in small steps, so that requests and sockets are answered in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settled();
    }
  };
  const goDown = async (ms: number): Promise<void> => {
    network.isUp = false;
    network.sockets.at(-1)?.onclose?.({ code: 1006, reason: "" });
    await pass(ms);
  };
  return { client, clock, view, state, pass, goDown };
}

describe("a client without its server", () => {
  it("looks for it with small requests, and few sockets, while the page is visible", async () => {
    const { goDown } = await opened();
    await goDown(60_000);
    expect(network.requests).toBeGreaterThan(40);
    expect(network.requests).toBeLessThan(80);
    expect(network.sockets.length).toBeLessThan(10);
  });

  it("connects within 2 s of the server's return, after an outage of a minute", async () => {
    const { goDown, pass, state } = await opened();
    await goDown(60_000);
    const before = network.sockets.length;
    network.isUp = true;
    await pass(1_550);
    expect(network.sockets.length).toBe(before + 1);
    await greet(network.sockets.at(-1) as FakeSocket);
    expect(state().kind).toBe("open");
  });

  it("looks for it less and less often in a hidden page, and at once when the page is shown", async () => {
    let tell: (isHidden: boolean) => void = () => {};
    const pacing: Pacing = {
      next: (take) => take(),
      watchHidden: (listener) => {
        tell = listener;
        return () => {};
      },
    };
    const { goDown, state } = await opened({ pacing });
    tell(true);
    await goDown(60_000);
    // The one request finds out whether the carrier is to blame.
    expect([network.requests, network.sockets.length]).toEqual([1, 8]);
    expect(state().kind).toBe("waiting");
    tell(false);
    await settled();
    expect(network.requests + network.sockets.length).toBe(10);
  });

  it("waits as long as Retry-After says, and tries at once when it is told to", async () => {
    const { client, goDown, pass, state } = await opened();
    await goDown(10_000);
    Object.assign(network, { isUp: true, status: 503, headers: { "retry-after": "60" } });
    await pass(3_000);
    const { requests, sockets } = network;
    const waiting = state();
    expect(waiting).toMatchObject({ kind: "waiting", reason: "the server is unavailable" });
    const count = sockets.length;
    await pass(50_000);
    expect([network.requests, network.sockets.length]).toEqual([requests, count]);
    client.connect();
    await settled();
    expect(network.requests + network.sockets.length).toBe(requests + count + 1);
  });

  it("keeps the reason in each view between its attempts", async () => {
    const { client, goDown, pass, view } = await opened();
    await goDown(10_000);
    const other = client.live({ channel: "d" });
    other.subscribe(() => {});
    const seen = new Set<string | undefined>();
    for (let step = 0; step < 60; step++) {
      await pass(50);
      seen.add(view.getSnapshot().reason).add(other.getSnapshot().reason);
    }
    expect([...seen]).toEqual(["the server can't be reached"]);
  });
});

describe("a server that is silent on an open connection", () => {
  it("is told by the connection at the moment at which the views turn stale", async () => {
    const { client, clock, view, state } = await opened();
    const heardMs = clock.now();
    const told: unknown[] = [];
    client.connection.subscribe(() => {
      const { silentSinceMs } = client.connection.getSnapshot();
      told.push([silentSinceMs !== undefined, view.getSnapshot().status === "stale"]);
    });
    clock.advance(4_500);
    expect(client.connection.getSnapshot().silentSinceMs).toBe(heardMs);
    network.sockets[0]?.hear(watermark(6));
    expect(client.connection.getSnapshot().silentSinceMs).toBeUndefined();
    expect(view.getSnapshot().status).toBe("live");
    // A lost connection is no silent one.
    clock.advance(4_500);
    network.sockets[0]?.onclose?.({ code: 1006, reason: "" });
    expect([state().kind, client.connection.getSnapshot().silentSinceMs]).toEqual([
      "waiting",
      undefined,
    ]);
    expect(told.filter((pair) => String(pair) === "true,false")).toEqual([]);
  });
});

describe("rates and latencies", () => {
  it("are of deltas, not of snapshots, with the number of samples", async () => {
    const { client, clock } = await opened();
    const read = () => {
      const { rows: sum, rowsPerSecond, latencySamples } = client.connection.getSnapshot();
      return { sum, rowsPerSecond, latencySamples };
    };
    clock.advance(1_000);
    expect(read()).toEqual({ sum: 0, rowsPerSecond: 0, latencySamples: 0 });
    network.sockets[0]?.hear(
      {
        op: "DISPATCH",
        type: "DELTA_BATCH",
        channel: "c",
        prev_seq: 5,
        seq: 6,
        patch: { upsert: rows(4, 5), remove: [] },
        watermark: { latest_ingest_seq: 6 },
      },
      watermark(6, { oldest_commit_unix_ms: NOW_MS - 10 }),
    );
    clock.advance(1_000);
    expect(read()).toEqual({ sum: 2, rowsPerSecond: 2, latencySamples: 1 });
  });
});
