/**
 * The client in one thread, against literal frames: liveness, credit, pins, details, workers that
 * fail.
 */
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import type { TidemarkClient } from "./client.ts";
import {
  createClient,
  type ClientOptions,
  type Pacing,
  type WebSocketLike,
  type WorkerLike,
} from "./node.ts";

type Frame = Readonly<Record<string, unknown>>;

const clients: TidemarkClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** Servers as the client sees them: the frames that it sent, and the frames that it receives. */
class FakeSocket implements WebSocketLike {
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

const HELLO = {
  op: "HELLO",
  protocol: 8,
  protocol_min: 5,
  session_id: "sess_h",
  heartbeat_interval_ms: 15_000,
  identify_timeout_ms: 10_000,
  server_time_unix_ms: 1_700_000_000_000,
};
const READY = { op: "DISPATCH", type: "READY", session_id: "sess_token", epoch: "e1", seq: 0 };
const subscribed = (fields: Frame = {}): Frame => ({
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
const snapshot = (seq: number, ...ids: readonly string[]): Frame => ({
  op: "DISPATCH",
  type: "SNAPSHOT",
  channel: "c",
  seq,
  part: 0,
  more: false,
  rows: ids.map((id) => ({ id })),
});
const delta = (prev_seq: number, seq: number, ...ids: readonly string[]): Frame => ({
  op: "DISPATCH",
  type: "DELTA_BATCH",
  channel: "c",
  prev_seq,
  seq,
  patch: { upsert: ids.map((id) => ({ id })), remove: [] },
  watermark: { latest_ingest_seq: seq },
});
const DIGEST = { op: "DISPATCH", type: "DIGEST", channel: "c", seq: 5, digest: "0" };
const watermark = (seq: number): Frame => ({
  op: "DISPATCH",
  type: "WATERMARK",
  seq,
  server_time_unix_ms: 1_700_000_000_000,
  as_of: {},
});

const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

async function opened(options: Partial<ClientOptions> = {}) {
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

const latest = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;

describe("a session", () => {
  it("resumes with its token and with each view's last applied change as its cursor (S1)", async () => {
    const { clock, socket, view } = await opened();
    expect([view.getSnapshot().status, view.getSnapshot().seq, view.getSnapshot().epoch]).toEqual([
      "live",
      7,
      "e1",
    ]);
    socket.hear({
      op: "HEARTBEAT_ACK",
      server_time_unix_ms: 1_700_000_000_000,
      session_id: "sess_fresh",
    });
    socket.onclose?.({ code: 1006, reason: "" });
    expect(view.getSnapshot().status).toBe("stale");
    clock.advance(1_000);
    latest().onopen?.(undefined as never);
    latest().hear(HELLO);
    await settled();
    expect(latest().said[0]).toEqual({
      op: "RESUME",
      protocol: 8,
      protocol_min: 5,
      session_id: "sess_fresh",
      subscriptions: [{ channel: "c", cursor: { epoch: "e1", view: "c", seq: 5 } }],
    });
    latest().hear({ op: "INVALID_SESSION", reason: "expired", message: "" });
    await settled();
    expect(latest().heard("IDENTIFY")).toMatchObject({
      subscriptions: [{ channel: "c", cursor: { epoch: "e1" } }],
    });
  });

  it("is not live on a server that is behind the commit that was shown, until the server has passed it (P11)", async () => {
    const { clock, socket, view } = await opened();
    const told = (seq: number, asOf: number): Frame => ({ ...watermark(seq), as_of: { db: asOf } });
    const status = {
      op: "DISPATCH",
      type: "CHANNEL_STATUS",
      channel: "c",
      status: "live",
      since_unix_ms: 1,
      source: "db",
      partial: false,
    };
    socket.hear(status, told(8, 50_000));
    expect([view.getSnapshot().status, view.getSnapshot().asOf]).toEqual(["live", 50_000]);
    socket.onclose?.({ code: 1006, reason: "" });
    clock.advance(1_000);
    latest().onopen?.(undefined as never);
    latest().hear(HELLO);
    await settled();
    latest().hear(
      { ...READY, type: "RESUMED", epoch: "e2" },
      subscribed({ epoch: "e2" }),
      status,
      snapshot(3, "a"),
      told(3, 20_000),
    );
    expect([view.getSnapshot().status, view.getSnapshot().reason]).toEqual([
      "catching_up",
      "this server is behind the data already shown",
    ]);
    latest().hear(told(4, 49_000));
    expect(view.getSnapshot().status).toBe("catching_up");
    latest().hear(told(5, 50_500));
    expect(view.getSnapshot().status).toBe("live");
  });

  it("removes the rows of a view that the server has ended, and gives the reason (P9)", async () => {
    const { socket, view } = await opened();
    socket.hear({
      op: "ERROR",
      code: "QUERY_TOO_COSTLY",
      message: "it costs too much",
      retryable: false,
      view: "c",
    });
    expect([view.getSnapshot().status, view.getSnapshot().reason, view.getSnapshot().keys]).toEqual(
      ["refused", "it costs too much", []],
    );
  });

  it("is refused by an ERROR alone, and does not subscribe again", async () => {
    const { client, clock, socket } = await opened();
    socket.hear({ op: "ERROR", code: "UNAUTHENTICATED", message: "no", retryable: false });
    clock.advance(120_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(client.connection.getSnapshot().state.kind).toBe("refused");
  });

  it("gives the close code as the reason of a refusal without a text", async () => {
    const { client, socket, view } = await opened();
    socket.onclose?.({ code: 4401, reason: "" });
    expect(client.connection.getSnapshot().state.kind).toBe("refused");
    expect(view.getSnapshot().reason).toBe("closed with code 4401");
  });

  it("drops the rows of a history in which the channel had another key", async () => {
    const { socket, view } = await opened();
    socket.hear(
      {
        ...delta(5, 8),
        patch: {
          upsert: [
            { id: "a", k: "x" },
            { id: "b", k: "y" },
          ],
          remove: [],
        },
      },
      watermark(8),
      { op: "INVALID_SESSION", reason: "epoch", message: "" },
    );
    await settled();
    socket.hear(
      { ...READY, epoch: "e2" },
      subscribed({ epoch: "e2", key: ["k"] }),
      { ...watermark(1), behind: ["c"] },
      { ...snapshot(2), rows: [{ id: "c", k: "z" }] },
      watermark(2),
    );
    expect(view.getSnapshot().rows).toEqual([{ id: "c", k: "z" }]);
    expect(view.getSnapshot().keys).toEqual(["z"]);
  });

  it("removes all rows when its rights have been revoked (S4)", async () => {
    const { socket, view } = await opened();
    view.pin("a");
    socket.hear({ op: "INVALID_SESSION", reason: "revoked", message: "" });
    expect([view.getSnapshot().status, view.getSnapshot().keys, view.pinned("a")]).toEqual([
      "loading",
      [],
      undefined,
    ]);
  });

  it("waits as long as a stopping server asks, and many clients return at different times (S6)", async () => {
    const { clock, socket } = await opened();
    socket.hear({ op: "RECONNECT", retry_after_ms: 4_000 });
    clock.advance(3_900);
    expect(FakeSocket.all).toHaveLength(1);
    clock.advance(4_100);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("identifies anew after a frame that can't be parsed", async () => {
    const { socket, view } = await opened();
    socket.hear('{"op":"DISP');
    expect([socket.isClosed, view.getSnapshot().reason]).toEqual([
      true,
      "invalid message from the server",
    ]);
  });
});

describe("liveness", () => {
  it("calls its rows stale after 3 s of silence, and is live again with the next turn", async () => {
    const { clock, socket, view } = await opened();
    clock.advance(4_500);
    expect([view.getSnapshot().status, view.getSnapshot().reason]).toEqual([
      "stale",
      "no response from the server",
    ]);
    socket.hear(watermark(9));
    expect(view.getSnapshot().status).toBe("live");
  });

  it("closes a connection whose heartbeat was not answered, however many more it sends", async () => {
    const { clock, socket } = await opened();
    clock.advance(15_000 * 0.2 + 15_000);
    expect(socket.said.filter(({ op }) => op === "HEARTBEAT").length).toBeGreaterThan(0);
    clock.advance(6_000);
    expect(socket.isClosed).toBe(true);
  });

  it("finds out within 5 s whether a connection still works when the page is visible again", async () => {
    let tell: (isHidden: boolean) => void = () => {};
    const { clock, socket } = await opened({
      pacing: {
        next: (take) => take(),
        watchHidden: (listener) => {
          tell = listener;
          return () => {};
        },
      },
    });
    tell(true);
    tell(false);
    clock.advance(5_001);
    expect(socket.isClosed).toBe(true);
  });

  it("finds out at once whether a connection still works when the network changed", async () => {
    const { client, clock, socket } = await opened();
    const before = socket.said.length;
    client.setOnline(true);
    expect(socket.said.slice(before).map(({ op }) => op)).toEqual(["HEARTBEAT"]);
    clock.advance(5_001);
    expect(socket.isClosed).toBe(true);
  });

  it("does not count a change of the clock as a round trip", async () => {
    const { client, clock, socket } = await opened();
    client.setOnline(true);
    const sentMs = socket.heard("HEARTBEAT")?.["client_time_unix_ms"] as number;
    socket.hear({
      op: "HEARTBEAT_ACK",
      client_time_unix_ms: sentMs + 3_600_000,
      server_time_unix_ms: 1_700_000_000_000,
    });
    clock.advance(1_000);
    expect(client.connection.getSnapshot().roundTripMs).toBeUndefined();
  });
});

describe("gaps", () => {
  it("are requested again from the last applied change, and only in the affected view (S5)", async () => {
    const { client, clock, socket, view } = await opened();
    socket.hear(delta(6, 8, "z"), watermark(8));
    expect(socket.heard("RESYNC")).toEqual({
      op: "RESYNC",
      id: expect.any(Number),
      view: "c",
      reason: "gap",
      seq: 5,
    });
    expect([view.getSnapshot().status, view.getSnapshot().keys]).toEqual([
      "catching_up",
      ["a", "b"],
    ]);
    socket.hear(
      subscribed({ id: socket.heard("RESYNC")?.["id"], mode: "delta" }),
      delta(5, 8, "y", "z"),
      watermark(8),
    );
    expect([view.getSnapshot().status, view.getSnapshot().keys]).toEqual([
      "live",
      ["a", "b", "y", "z"],
    ]);
    clock.advance(1_000);
    expect(client.connection.getSnapshot().gaps).toBe(1);
  });

  it("that only the digest shows are repaired by a fresh snapshot, and counted (B4)", async () => {
    const { client, clock, socket, view } = await opened();
    socket.hear(DIGEST, watermark(9));
    expect(socket.heard("RESYNC")).toEqual({
      op: "RESYNC",
      id: expect.any(Number),
      view: "c",
      reason: "drift",
    });
    socket.hear(subscribed({ id: socket.heard("RESYNC")?.["id"] }), snapshot(9, "a"), watermark(9));
    expect(view.getSnapshot().keys).toEqual(["a"]);
    clock.advance(1_000);
    expect(client.connection.getSnapshot().drifts).toBe(1);
  });

  it("that a server of version 6 shows by the digest of an empty delta are repaired, too (V3)", async () => {
    const { socket } = await opened();
    socket.hear({ ...delta(5, 5), digest: "0" }, watermark(9));
    expect(socket.heard("RESYNC")).toMatchObject({ view: "c", reason: "drift" });
  });

  it("in answers are requested again: a SUBSCRIBED that never came", async () => {
    const { client, clock, socket } = await opened();
    client.live({ channel: "d" }).subscribe(() => {});
    const first = socket.heard("SUBSCRIBE");
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000);
      socket.hear(watermark(9));
    }
    expect(socket.heard("SUBSCRIBE")).toMatchObject({ subscriptions: ["d"] });
    expect(socket.heard("SUBSCRIBE")?.["id"]).not.toBe(first?.["id"]);
  });
});

describe("two queries that are one view on the server", () => {
  it("share it: closing one does not end the other, and neither does a late answer", async () => {
    const { client, clock, socket, view } = await opened({ lingerMs: 0 });
    const other = client.live({
      channel: "c",
      where: undefined as never,
      limit: undefined as never,
    });
    const same = client.live({ where: { column: "id", ne: "none" }, channel: "c" });
    const stop = same.subscribe(() => {});
    const { id } = socket.heard("SUBSCRIBE") as { id: number };
    expect(other.getSnapshot().keys).toEqual(["a", "b"]);
    // Asked again, since no answer came; then both answers come.
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000);
      socket.hear(watermark(9));
    }
    const again = socket.heard("SUBSCRIBE") as { id: number };
    expect(again.id).not.toBe(id);
    socket.hear(subscribed({ id, mode: "delta", from_seq: 5 }));
    expect(socket.heard("UNSUBSCRIBE")).toBeUndefined();
    socket.hear(subscribed({ id: again.id }), snapshot(9, "a", "b"), watermark(9));
    stop();
    clock.advance(1);
    expect(socket.heard("UNSUBSCRIBE")).toBeUndefined();
    expect(view.getSnapshot().status).toBe("live");
  });

  it("are not mistaken for a continuation after rows that this client never had", async () => {
    const { client, socket } = await opened();
    const same = client.live({ where: { column: "id", ne: "none" }, channel: "c" });
    same.subscribe(() => {});
    socket.hear(subscribed({ id: socket.heard("SUBSCRIBE")?.["id"], mode: "delta", from_seq: 50 }));
    expect(socket.heard("RESYNC")).toMatchObject({ view: "c", reason: "gap" });
  });
});

describe("the page's pace", () => {
  /** A page whose animation frames the test triggers. */
  function pacing(): { readonly pace: Pacing; frame(): void; hide(isHidden: boolean): void } {
    let take: (() => void) | undefined;
    let tell: (isHidden: boolean) => void = () => {};
    return {
      pace: {
        next: (given) => {
          take = given;
        },
        watchHidden: (listener) => {
          tell = listener;
          return () => {};
        },
      },
      frame: () => {
        const given = take;
        take = undefined;
        given?.();
      },
      hide: (isHidden) => tell(isHidden),
    };
  }

  it("is one commit per frame: later changes come with the next commit, each row once", async () => {
    const { pace, frame } = pacing();
    const { client, socket, view } = await opened({ pacing: pace });
    let told = 0;
    view.subscribe(() => told++);
    frame();
    frame();
    told = 0;
    for (let seq = 8; seq <= 12; seq++)
      socket.hear(delta(seq === 8 ? 5 : seq - 1, seq, "a"), watermark(seq));
    frame();
    frame();
    expect(told).toBeLessThanOrEqual(2);
    expect([view.getSnapshot().status, client.cursor]).toEqual(["live", { epoch: "e1", seq: 12 }]);
  });

  it("takes nothing while hidden, and grants the server no credit", async () => {
    const { pace, frame, hide } = pacing();
    const { socket, view } = await opened({ pacing: pace });
    frame();
    frame();
    hide(true);
    const credits = (): number => socket.said.filter(({ op }) => op === "CREDIT").length;
    const before = credits();
    const shown = view.getSnapshot();
    for (let seq = 8; seq <= 40; seq++)
      socket.hear(delta(seq === 8 ? 5 : seq - 1, seq, `k${seq}`), watermark(seq));
    expect([credits(), view.getSnapshot()]).toEqual([before, shown]);
    hide(false);
    frame();
    frame();
    expect(credits()).toBeGreaterThan(before);
    expect(view.getSnapshot().keys).toHaveLength(35);
  });
});

describe("a snapshot's rows", () => {
  const status: Frame = {
    op: "DISPATCH",
    type: "CHANNEL_STATUS",
    channel: "c",
    status: "live",
    since_unix_ms: 1,
    partial: false,
  };
  const later = (seq: number, seconds: number): Frame => ({
    ...watermark(seq),
    server_time_unix_ms: 1_700_000_000_000 + seconds * 1_000,
  });

  it("are the same array while turns change only their freshness", async () => {
    const { socket, view } = await opened();
    socket.hear(status, later(8, 1));
    const before = view.getSnapshot();
    for (let second = 2; second <= 5; second++) {
      socket.hear(later(8 + second, second));
      const snapshot = view.getSnapshot();
      expect(snapshot).not.toBe(before);
      expect(snapshot.asOf).toBe(1_700_000_000_000 + second * 1_000);
      for (const part of ["rows", "keys", "row", "isPending", "columns", "key"] as const)
        expect(snapshot[part]).toBe(before[part]);
    }
  });

  it.each([
    ["enters", { upsert: [{ id: "c" }], remove: [] }, ["a", "b", "c"]],
    ["leaves", { upsert: [], remove: ["a"] }, ["b"]],
    ["changes", { upsert: [{ id: "a", n: 1 }], remove: [] }, ["a", "b"]],
  ])(
    "are another array when a row %s, and the former one stays as it was",
    async (_how, patch, keys) => {
      const { socket, view } = await opened();
      const before = view.getSnapshot();
      const { rows, keys: formerKeys, row } = before;
      socket.hear({ ...delta(5, 8), patch }, watermark(8));
      const after = view.getSnapshot();
      expect([after.rows === rows, after.row === row]).toEqual([false, false]);
      expect(after.rows.map(({ id }) => id)).toEqual(keys);
      expect(after.rows[after.keys.indexOf("b")]).toBe(rows[1]);
      expect([rows, formerKeys]).toEqual([
        [{ id: "a" }, { id: "b" }],
        ["a", "b"],
      ]);
    },
  );

  it("are the same array after a connection that was lost, where nothing changed meanwhile", async () => {
    const { socket, view, clock } = await opened();
    const before = view.getSnapshot();
    socket.onclose?.({ code: 1006 } as never);
    clock.advance(10_000);
    const next = latest();
    next.onopen?.(undefined as never);
    next.hear(HELLO);
    await settled();
    next.hear({ ...READY, type: "RESUMED" }, subscribed(), snapshot(9, "a", "b"), watermark(9));
    expect(view.getSnapshot().status).toBe("live");
    expect(view.getSnapshot().rows).toBe(before.rows);
  });

  it("are the same array under a pending write, too, until a row below or the write changes", async () => {
    const { client, socket, view } = await opened();
    const set = { n: 1 };
    const write = client.write({
      run: () => new Promise<never>(() => {}),
      optimistic: { channel: "c", key: "a", set },
    });
    write.catch(() => {});
    const pending = view.getSnapshot();
    expect(pending.rows).toEqual([{ id: "a", n: 1 }, { id: "b" }]);
    socket.hear(status, later(8, 1));
    socket.hear(later(9, 2));
    const same = view.getSnapshot();
    expect(same.asOf).toBe(1_700_000_002_000);
    expect([same.rows, same.row, same.isPending]).toEqual([
      pending.rows,
      pending.row,
      pending.isPending,
    ]);
    expect(same.rows).toBe(pending.rows);
    socket.hear(
      { ...delta(5, 10), patch: { upsert: [{ id: "b", n: 2 }], remove: [] } },
      later(10, 2),
    );
    expect(view.getSnapshot().rows).toEqual([
      { id: "a", n: 1 },
      { id: "b", n: 2 },
    ]);
    expect(view.getSnapshot().rows[0]).toBe(pending.rows[0]);
  });
});

describe("of a view that is behind, a snapshot older than a visible write", () => {
  /** A write is visible for the page at seq 9; `other` is not loaded yet. */
  async function written() {
    const page = await opened();
    const { client, socket } = page;
    const other = client.live({ channel: "c", where: { column: "id", ne: "none" } });
    const mutate = client.mutate as unknown as { put: (input: object) => Promise<unknown> };
    const put = mutate.put({ id: "z" });
    await settled();
    const { mutation_id } = socket.heard("MUTATE") as { mutation_id: string };
    const result = { op: "DISPATCH", type: "MUTATION_RESULT", mutation_id, seq: 9 };
    const tell = async (): Promise<void> => {
      socket.hear(delta(5, 9, "z"), result, { ...watermark(9), behind: ["c:ne"] });
      await put;
    };
    const answer = (): Frame => subscribed({ id: socket.heard("SUBSCRIBE")?.["id"], view: "c:ne" });
    return { ...page, other, tell, answer };
  }
  const part = (seq: number, index: number, more: boolean, ...ids: readonly string[]): Frame => ({
    ...snapshot(seq, ...ids),
    view: "c:ne",
    part: index,
    more,
  });
  const behind = (seq: number): Frame => ({ ...watermark(seq), behind: ["c:ne"] });

  it("is shown once the view reaches the write's seq: the view was opened after the write (M3)", async () => {
    const { socket, other, tell, answer } = await written();
    await tell();
    other.subscribe(() => {});
    socket.hear(answer(), part(5, 0, false, "a", "b"), behind(10));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual(["loading", []]);
    socket.hear({ ...delta(5, 9, "z"), view: "c:ne" }, watermark(10));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual([
      "live",
      ["a", "b", "z"],
    ]);
  });

  it("is shown once the view reaches the write's seq: a part came before the write (M3)", async () => {
    const { socket, other, tell, answer } = await written();
    other.subscribe(() => {});
    socket.hear(answer(), part(5, 0, true, "a"), behind(8));
    await tell();
    socket.hear(part(5, 1, false, "b"), behind(10));
    expect(other.getSnapshot().keys).toEqual([]);
    socket.hear({ ...delta(5, 9, "z"), view: "c:ne" }, watermark(10));
    expect(other.getSnapshot().keys).toEqual(["a", "b", "z"]);
  });

  it("is replaced by a snapshot with the write, which is shown at once", async () => {
    const { socket, other, tell, answer } = await written();
    await tell();
    other.subscribe(() => {});
    socket.hear(answer(), part(9, 0, false, "a", "b", "z"), behind(12));
    expect([other.getSnapshot().status, other.getSnapshot().keys]).toEqual([
      "catching_up",
      ["a", "b", "z"],
    ]);
  });
});

describe("a view whose rows don't match the digest", () => {
  it("shows a write's optimistic patch until its new snapshot has come (M3)", async () => {
    const { client, socket, view } = await opened();
    const mutate = client.mutate as unknown as {
      put: (input: object, options: object) => Promise<unknown>;
    };
    const optimistic = { channel: "c", key: "a", set: { n: 1 } };
    const put = mutate.put({}, { optimistic });
    await settled();
    const { mutation_id } = socket.heard("MUTATE") as { mutation_id: string };
    socket.hear(DIGEST, watermark(8));
    const resync = socket.heard("RESYNC");
    expect(resync).toEqual({ op: "RESYNC", id: expect.any(Number), view: "c", reason: "drift" });
    socket.hear({ op: "DISPATCH", type: "MUTATION_RESULT", mutation_id, seq: 9 }, watermark(9));
    expect(view.row("a")).toEqual({ id: "a", n: 1 });
    socket.hear(
      subscribed({ id: resync?.["id"] }),
      { ...snapshot(9), rows: [{ id: "a", n: 1 }] },
      watermark(10),
    );
    await put;
    expect([view.row("a"), view.getSnapshot().isPending("a")]).toEqual([{ id: "a", n: 1 }, false]);
  });
});

describe("what is bounded", () => {
  it("includes a view's rows: a larger view is requested with a limit and is partial", async () => {
    const { socket, view } = await opened({ limits: { viewRowsMax: 3 } });
    socket.hear(delta(5, 8, "c", "d", "e"), watermark(8));
    expect(socket.heard("UNSUBSCRIBE")).toEqual({ op: "UNSUBSCRIBE", views: ["c"] });
    expect(socket.heard("SUBSCRIBE")).toMatchObject({
      subscriptions: [{ channel: "c", limit: 3 }],
    });
    expect(view.getSnapshot().isPartial).toBe(true);
  });

  it("is checked when the client is created, and a limit that is undefined has its default", async () => {
    const create = (limits: object) => createClient({ url: "ws://x/v2/stream", limits });
    expect(() => create({ viewRowsMax: Number.NaN })).toThrow("limits.viewRowsMax is NaN");
    expect(() => create({ quietMs: -1 })).toThrow("limits.quietMs is -1");
    expect(() => create({ viewRowsMax: 0 })).toThrow("It must be at least 1.");
    expect(() => create({ rowsMax: 5 })).toThrow("There is no limit limits.rowsMax.");
    const { clock, view } = await opened({ limits: { quietMs: undefined } as object });
    clock.advance(2_000);
    expect(view.getSnapshot().status).toBe("live");
  });

  it("excludes pinned rows: a selected row stays when it leaves the view", async () => {
    const { socket, view } = await opened();
    const unpin = view.pin("a");
    socket.hear({ ...delta(5, 8), patch: { upsert: [], remove: ["a"] } }, watermark(8));
    expect(view.row("a")).toBeUndefined();
    expect(view.pinned("a")).toEqual({ row: { id: "a" }, isInView: false });
    unpin();
    expect(view.pinned("a")).toBeUndefined();
  });

  it("describes a channel without a view of it, and rejects with the server's reason", async () => {
    const answers = [
      Response.json({ channel: "c", key: ["id"], columns: [{ name: "id", type: "text" }] }),
      Response.json({ code: "UNKNOWN_CHANNEL", message: "There is no channel." }, { status: 404 }),
    ];
    const asked: string[] = [];
    const fetch = (url: string): Promise<Response> => {
      asked.push(url);
      return Promise.resolve(answers.shift() as Response);
    };
    const { client } = await opened({ fetch });
    expect(await client.describe("c")).toEqual({
      channel: "c",
      key: ["id"],
      columns: [{ name: "id", type: "text" }],
    });
    await expect(client.describe("a b")).rejects.toMatchObject({ code: "UNKNOWN_CHANNEL" });
    expect(asked.map((url) => new URL(url).pathname)).toEqual([
      "/v2/channels/c",
      "/v2/channels/a%20b",
    ]);
  });

  it("maps queries: camelCase for users, snake_case on the wire", async () => {
    const { client, socket } = await opened();
    const view = client.live({
      channel: "c",
      where: { column: "n", isNull: false },
      orderBy: [{ column: "n" }],
    });
    view.subscribe(() => {});
    expect(socket.said.at(-1)).toMatchObject({
      op: "SUBSCRIBE",
      subscriptions: [
        { channel: "c", where: { column: "n", is_null: false }, order_by: [{ column: "n" }] },
      ],
    });
    expect(view.query.orderBy).toEqual([{ column: "n" }]);
    const since = new Date(1_700_000_000_000);
    client.live({ channel: "c", where: { column: "at", gt: since as never } }).subscribe(() => {});
    expect(socket.said.at(-1)).toMatchObject({
      subscriptions: [{ where: { column: "at", gt: "2023-11-14T22:13:20.000Z" } }],
    });
    expect(() => client.live({ channel: "c", order_by: [] } as never)).toThrow(
      'write "orderBy" instead of "order_by"',
    );
  });

  it("keeps single rows for a limited time, and a limited number of them", async () => {
    const asked: string[] = [];
    const fetch = (url: string): Promise<Response> => {
      asked.push(url.split("/").at(-1) ?? "");
      return Promise.resolve(
        Response.json({
          row: { id: "x" },
          seq: 1,
          epoch: "e1",
          as_of_seq: 1,
          committed_unix_ms: 1,
        }),
      );
    };
    const { client, clock } = await opened({
      fetch,
      limits: { rowCacheMax: 2, rowCacheMs: 1_000 },
    });
    for (const key of ["a", "a", "b", "c", "a"]) await client.row("c", key);
    expect(asked).toEqual(["a", "b", "c", "a"]);
    clock.advance(1_001);
    await client.row("c", "a");
    expect(asked.at(-1)).toBe("a");
    expect(asked).toHaveLength(5);
  });

  it("drops single rows that were requested under revoked rights (S4)", async () => {
    const answers: ((response: Response) => void)[] = [];
    const fetch = (url: string): Promise<Response> =>
      url.includes("/rows/")
        ? new Promise((resolve) => answers.push(resolve))
        : Promise.reject(new Error("no network"));
    const { client, socket } = await opened({ fetch });
    const under = client.row("c", "a");
    socket.hear({ op: "INVALID_SESSION", reason: "revoked", message: "" });
    const answer = { row: {}, seq: 1, epoch: "e1", as_of_seq: 1, committed_unix_ms: 1 };
    answers[0]?.(Response.json(answer));
    await under;
    client.row("c", "a").catch(() => {});
    await settled();
    expect(answers).toHaveLength(2);
  });
});

describe("a worker", () => {
  it("that can't run is replaced by the same engine in this thread, and no message is lost", async () => {
    FakeSocket.all = [];
    let worker: WorkerLike | undefined;
    const said: unknown[] = [];
    const client = createClient({
      url: "ws://x/v2/stream",
      WebSocket: FakeSocket,
      worker: () =>
        (worker = {
          onmessage: null,
          onerror: null,
          postMessage: (message) => said.push(message),
          terminate: () => {},
        }),
    });
    clients.push(client);
    client.live({ channel: "c" }).subscribe(() => {});
    expect([client.usesWorker, said.length, FakeSocket.all.length]).toEqual([true, 2, 0]);
    worker?.onerror?.(undefined as never);
    expect([client.usesWorker, FakeSocket.all.length]).toEqual([false, 1]);
  });
});
