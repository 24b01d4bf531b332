/** The client against literal frames: its sessions, and how it finds that a connection is dead. */
import { afterEach, describe, expect, it } from "vitest";
import {
  closeClients,
  FakeSocket,
  HELLO,
  READY,
  subscribed,
  snapshot,
  delta,
  watermark,
  settled,
  opened,
  latest,
  type Frame,
} from "../../test/support/literal-client.ts";

afterEach(closeClients);

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
