/** A live view that stands still, against literal frames. */
import { afterEach, describe, expect, it } from "vitest";
import { closeClients, delta, opened, watermark } from "../../test/support/literal-client.ts";
import { PAUSED_KEYS_MAX } from "./limits.ts";

afterEach(closeClients);

const many = Array.from({ length: PAUSED_KEYS_MAX }, (_, index) => `k${index}`);

describe("a paused view", () => {
  it("keeps its rows, counts what waits, and shows all of it when it resumes", async () => {
    const { socket, view } = await opened();
    await view.pause();
    const { rows, row } = view.getSnapshot();
    socket.hear(delta(5, 8, "x", "a"), watermark(8));
    socket.hear({ ...delta(8, 9, "x"), patch: { upsert: [], remove: ["b"] } }, watermark(9));
    const snapshot = view.getSnapshot();
    expect(snapshot).toMatchObject({ status: "stale", reason: "paused", keys: ["a", "b"] });
    expect(snapshot.paused).toMatchObject({ waiting: 3, isMore: false });
    expect([snapshot.rows, snapshot.row]).toEqual([rows, row]);
    expect([view.row("b"), view.row("x")]).toEqual([{ id: "b" }, undefined]);
    view.resume();
    expect(view.getSnapshot()).toMatchObject({ status: "live", keys: ["a", "x"] });
    expect(view.getSnapshot().paused).toBeUndefined();
    expect(socket.heard("CREDIT")).not.toHaveProperty("channel_credit");
    socket.hear(delta(9, 10, "y"), watermark(10));
    expect(view.getSnapshot().keys).toEqual(["a", "x", "y"]);
  });

  it("does not pause when it is resumed before the code for it has loaded", async () => {
    const { socket, view } = await opened();
    const paused = view.pause();
    view.resume();
    await paused;
    expect(view.getSnapshot().paused).toBeUndefined();
    socket.hear(delta(5, 8, "x"), watermark(8));
    expect(view.getSnapshot()).toMatchObject({ status: "live", keys: ["a", "b", "x"] });
    await view.pause();
    expect(view.getSnapshot().reason).toBe("paused");
  });

  it("lets the server wait, too, when it can count no more, and again after a new connection", async () => {
    const { socket, view } = await opened();
    await view.pause();
    socket.hear(delta(5, 8, ...many), watermark(8));
    const isHeld = { op: "CREDIT", channel_credit: { c: 0 } };
    expect(view.getSnapshot().paused).toMatchObject({ waiting: PAUSED_KEYS_MAX, isMore: true });
    expect(socket.said.filter(({ channel_credit }) => channel_credit)).toEqual([isHeld]);
    // Rows that come all the same are those of a connection that does not know of it.
    socket.hear(delta(8, 9, "z"), watermark(9));
    expect(socket.said.filter(({ channel_credit }) => channel_credit)).toEqual([isHeld, isHeld]);
    view.resume();
    expect(socket.said.at(-1)).toEqual({ op: "CREDIT", channel_credit: { c: null } });
    expect(view.getSnapshot().keys).toHaveLength(PAUSED_KEYS_MAX + 3);
  });

  it("ends when rights are revoked, and shows no row of before", async () => {
    const { socket, view } = await opened();
    await view.pause();
    socket.hear({ op: "INVALID_SESSION", reason: "revoked", resumable: false });
    expect(view.getSnapshot()).toMatchObject({ status: "loading", keys: [] });
    expect(view.row("a")).toBeUndefined();
  });

  it("has no effect before the first rows, and pauses once", async () => {
    const { client, socket, view } = await opened();
    const early = client.live({ channel: "d" });
    await early.pause();
    expect(early.getSnapshot().status).toBe("loading");
    await view.pause();
    socket.hear(delta(5, 8, "x"), watermark(8));
    await view.pause();
    expect(view.getSnapshot().keys).toEqual(["a", "b"]);
    view.resume();
    view.resume();
    expect(view.getSnapshot().keys).toEqual(["a", "b", "x"]);
  });
});
