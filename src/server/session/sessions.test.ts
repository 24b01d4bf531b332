/**
 * RESUME, INVALID_SESSION, RESYNC, RECONNECT and revoked rights, in literal frames by rule number.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import {
  atEnd,
  startTrades as start,
  stopAll,
  trade,
} from "../../../test/support/trades-server.ts";
import type { Frame, WireClient } from "../../../test/support/wire-client.ts";
import { channel } from "../../index.ts";
import { ManualClock } from "../../std/manual-clock.ts";
import { seededRandom } from "../../std/random.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { Sender } from "../turn/sender.ts";
import type { Session } from "../turn/session.ts";
import { drain } from "./drain.ts";

afterEach(stopAll);

type Server = Awaited<ReturnType<typeof start>>;

async function opened(
  server: Server,
  identify: Frame = {},
): Promise<{ client: WireClient; token: unknown; epoch: unknown }> {
  const client = server.connect();
  await client.next({ op: "HELLO" });
  client.send({ op: "IDENTIFY", subscriptions: ["trades"], ...identify });
  const ready = await client.next({ type: "READY" });
  await client.next({ type: "WATERMARK" });
  return { client, token: ready["session_id"], epoch: ready["epoch"] };
}

async function resumed(server: Server, resume: Frame): Promise<WireClient> {
  const client = server.connect();
  await client.next({ op: "HELLO" });
  client.send({ op: "RESUME", ...resume });
  return client;
}

/** An authenticate for `{ user }`, with rights that a test may change. */
function withUsers(rights: Record<string, "all" | "none" | { column: string; eq: string }>) {
  return {
    authenticate: (_request: unknown, auth: unknown) => {
      const { user } = (auth ?? {}) as { user?: string };
      if (user === undefined || !(user in rights)) throw new Error("unknown user");
      return { user };
    },
    channels: {
      trades: channel<{ id: string; symbol: string; price: number }>({
        key: "id",
        columns: { id: "text", symbol: "text", price: "float" },
        policy: (identity) => rights[(identity as { user: string }).user] ?? "none",
      }),
    },
  };
}

describe("RESUME", () => {
  it("continues each subscription from its cursor and states its seq (S1, S2)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 9)]);
    const first = await opened(server);
    first.client.send({
      op: "SUBSCRIBE",
      subscriptions: [{ channel: "trades", where: { column: "price", gt: 5 } }],
    });
    const { view } = await first.client.next({ type: "SUBSCRIBED", index: 0 }, 5);
    await first.client.next({ type: "WATERMARK", seq: 2 });
    first.client.close();
    await trades.upsert(trade("a", "BTC", 7));
    const second = await resumed(server, {
      session_id: first.token,
      last_seq: 2,
      subscriptions: [
        "trades",
        {
          channel: "trades",
          where: { column: "price", gt: 5 },
          cursor: { epoch: first.epoch, view, seq: 2 },
        },
      ],
    });
    expect(await second.next({ type: "RESUMED" })).toMatchObject({
      epoch: first.epoch,
      seq: 3,
      session_id: expect.stringMatching(/^sess_/),
    });
    const last = await second.next({ type: "SUBSCRIBED", index: 1 });
    await second.next({ type: "WATERMARK", seq: 3 }, second.frames.indexOf(last));
    const answers = second.frames.filter(({ type }) => type === "SUBSCRIBED");
    expect(answers.map(({ mode, from_seq }) => [mode, from_seq])).toEqual([
      ["delta", 2],
      ["delta", 2],
    ]);
    expect(
      second.frames
        .filter(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined)
        .map(({ patch }) => patch),
    ).toEqual([
      { upsert: [trade("a", "BTC", 7)], remove: [] },
      { upsert: [trade("a", "BTC", 7)], remove: [] },
    ]);
    expect(second.frames.some(({ type }) => type === "SNAPSHOT")).toBe(false);
  });

  it("resumes a dropped filtered view from its channel, and sends a snapshot of a top-N view, with the reason (S2)", async () => {
    const server = await start({ limits: { views: { lingerMs: 0 } } });
    const trades = server.tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 9), trade("b", "ETH", 8), trade("c", "SOL", 1)]);
    const queries = [
      { channel: "trades", where: { column: "price", gt: 5 } },
      { channel: "trades", order_by: [{ column: "price", direction: "desc" }], limit: 2 },
    ];
    const first = await opened(server, { subscriptions: queries });
    await first.client.next({ type: "SUBSCRIBED", index: 1 });
    const views = first.client.frames
      .filter(({ type }) => type === "SUBSCRIBED")
      .map(({ view }) => view);
    first.client.close();
    await expect.poll(() => server.tidemark.stats()["views"], { timeout: 5_000 }).toBe(0);
    await trades.upsert([trade("a", "BTC", 2), trade("c", "SOL", 6)]);
    await trades.remove("b");
    const second = await resumed(server, {
      session_id: first.token,
      subscriptions: queries.map((query, index) => ({
        ...query,
        cursor: { epoch: first.epoch, view: views[index], seq: 2 },
      })),
    });
    await second.next({ type: "SUBSCRIBED", index: 1 });
    expect(
      second.frames
        .filter(({ type }) => type === "SUBSCRIBED")
        .map(({ mode, reason }) => [mode, reason]),
    ).toEqual([
      ["delta", undefined],
      ["snapshot", "view_gone"],
    ]);
    expect(await second.next({ type: "DELTA_BATCH", digest: undefined })).toMatchObject({
      prev_seq: 2,
      seq: 4,
      patch: { upsert: [trade("c", "SOL", 6)], remove: ["b", "a"] },
    });
  });

  it("refuses foreign, old and forged sessions, and accepts an IDENTIFY on the same connection (S3)", async () => {
    const users = withUsers({ ann: "all", bob: "all" });
    const server = await start(users);
    const ann = await opened(server, { auth: { user: "ann" } });
    const reasonOf = async (resume: Frame): Promise<unknown> =>
      (await (await resumed(server, resume)).next({ op: "INVALID_SESSION" }))["reason"];
    expect(await reasonOf({ session_id: ann.token, auth: { user: "bob" } })).toBe("identity");
    expect(await reasonOf({ session_id: ann.token, auth: { user: "nobody" } })).toBe("identity");
    expect(await reasonOf({ session_id: "sess_abc123", auth: { user: "ann" } })).toBe("token");
    expect(
      await reasonOf({
        session_id: `${String(ann.token).slice(0, -1)}${String(ann.token).endsWith("A") ? "B" : "A"}`,
        auth: { user: "ann" },
      }),
    ).toBe("token");
    expect(
      await reasonOf({
        session_id: String(ann.token).replace(String(ann.epoch), "elsewhere"),
        auth: { user: "ann" },
      }),
    ).toBe("epoch");
    const strict = await start({ ...users, limits: { server: { resumeTokenTtlMs: 0 } } });
    const old = await opened(strict, { auth: { user: "ann" } });
    const again = await resumed(strict, { session_id: old.token, auth: { user: "ann" } });
    expect(await again.next({ op: "INVALID_SESSION" })).toMatchObject({ reason: "expired" });
    again.send({ op: "IDENTIFY", auth: { user: "ann" }, subscriptions: ["trades"] });
    await again.next({ type: "READY" });
    await again.next({ type: "SNAPSHOT" });
  });

  it("is refused with `epoch` by another process with the same secret and another history (S3)", async () => {
    const server = await start({ sessionSecret: "one secret" });
    const other = await start({ sessionSecret: "one secret" });
    const { token } = await opened(server);
    const client = await resumed(other, { session_id: token, subscriptions: ["trades"] });
    expect(await client.next({ op: "INVALID_SESSION" })).toMatchObject({ reason: "epoch" });
    expect(
      await (await resumed(server, { session_id: token })).next({ type: "RESUMED" }),
    ).toBeDefined();
  });

  it("stays possible by a fresh session id in each HEARTBEAT_ACK (S1)", async () => {
    const server = await start();
    const { client } = await opened(server);
    client.send({ op: "HEARTBEAT" });
    const { session_id } = await client.next({ op: "HEARTBEAT_ACK" });
    await (await resumed(server, { session_id })).next({ type: "RESUMED" });
  });
});

describe("rights that change", () => {
  it("end an identity's open sessions at once, and its resumes (S4)", async () => {
    const rights: Parameters<typeof withUsers>[0] = { ann: "all", bob: "all" };
    const server = await start(withUsers(rights));
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const [ann, bob] = [
      await opened(server, { auth: { user: "ann" } }),
      await opened(server, { auth: { user: "bob" } }),
    ];
    rights["ann"] = { column: "symbol", eq: "ETH" };
    const from = ann.client.frameCount;
    server.tidemark.revoke({ user: "ann" });
    await server.tidemark.channel("trades").upsert(trade("b", "BTC", 2));
    await bob.client.next({ type: "DELTA_BATCH" });
    expect(await ann.client.next({ op: "INVALID_SESSION" })).toMatchObject({ reason: "revoked" });
    expect(ann.client.frames.slice(from).map(({ op }) => op)).toEqual(["INVALID_SESSION"]);
    expect(
      await (
        await resumed(server, { session_id: ann.token, auth: { user: "ann" } })
      ).next({ op: "INVALID_SESSION" }),
    ).toMatchObject({ reason: "revoked" });
    ann.client.send({
      op: "IDENTIFY",
      auth: { user: "ann" },
      subscriptions: [{ channel: "trades", cursor: { epoch: ann.epoch, view: "trades", seq: 2 } }],
    });
    expect(await ann.client.next({ type: "SUBSCRIBED" }, from)).toMatchObject({
      mode: "snapshot",
      reason: "policy",
    });
    expect((await ann.client.next({ type: "SNAPSHOT" }, from))["rows"]).toEqual([]);
  });
});

describe("rights that change during authenticate", () => {
  it("are not granted (S4)", async () => {
    let answer: (identity: unknown) => void = () => {};
    const server = await start({
      authenticate: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const client = server.connect();
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY", subscriptions: ["trades"] });
    client.send({ op: "HEARTBEAT" });
    await expect.poll(() => server.tidemark.stats()["sessions"]).toBe(1);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    server.tidemark.revoke({ user: "ann" });
    answer({ user: "ann" });
    expect(await client.next({ op: "INVALID_SESSION" })).toMatchObject({ reason: "revoked" });
    expect(client.frames.some(({ type }) => type === "READY")).toBe(false);
  });
});

describe("RESYNC", () => {
  it("opens one view again, from a cursor or from a snapshot (S5)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1)]);
    await trades.upsert([trade("b", "BTC", 2)]);
    const { client } = await opened(server);
    client.send({ op: "RESYNC", id: 4, view: "trades", seq: 2, reason: "gap" });
    expect(await client.next({ type: "SUBSCRIBED", id: 4 })).toMatchObject({
      mode: "delta",
      from_seq: 2,
    });
    expect(await client.next({ type: "DELTA_BATCH" })).toMatchObject({
      prev_seq: 2,
      seq: 3,
      patch: { upsert: [trade("b", "BTC", 2)] },
    });
    client.send({ op: "RESYNC", id: 5, view: "trades", reason: "drift" });
    expect(await client.next({ type: "SUBSCRIBED", id: 5 })).toMatchObject({
      mode: "snapshot",
      reason: "no_cursor",
    });
    client.send({ op: "RESYNC", id: 6, view: "v_none" });
    expect(await client.next({ op: "ERROR", id: 6 })).toMatchObject({
      code: "UNKNOWN_VIEW",
      index: 0,
    });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain("stream_v2_gap_events_total 1");
    expect(metrics).toContain("tidemark_drift_total 1");
  });
});

describe("a stopping server", () => {
  it("sends its clients away in batches, each with RECONNECT and 1001 (S6)", async () => {
    const server = await start({ limits: { server: { drainBatch: 2 } } });
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => opened(server)));
    const closed = clients.map(
      ({ client }) => new Promise((resolve) => client.socket.once("close", resolve)),
    );
    await server.tidemark.stop();
    await Promise.all(closed);
    for (const { client } of clients) {
      expect(await client.next({ op: "RECONNECT" })).toMatchObject({
        retry_after_ms: expect.any(Number),
      });
      expect(client.closed?.code).toBe(1001);
    }
  });

  it("waits between two batches", async () => {
    const clock = new ManualClock();
    const sent: string[] = [];
    const session = (name: string): Session =>
      ({ transport: { close: () => sent.push(name) } }) as unknown as Session;
    const drained = drain(["a", "b", "c", "d", "e"].map(session), {
      clock,
      random: seededRandom(1),
      limits: { ...SERVER_LIMITS, drainBatch: 2 },
      sender: { send: () => {} } as unknown as Sender,
    });
    expect(sent).toEqual(["a", "b"]);
    clock.advance(SERVER_LIMITS.drainStepMs);
    await nextTurn();
    expect(sent).toEqual(["a", "b", "c", "d"]);
    clock.advance(SERVER_LIMITS.drainStepMs);
    await nextTurn();
    await drained;
    expect(sent).toHaveLength(5);
  });

  it("leaves nothing behind when it is stopped twice", async () => {
    const server = await start();
    atEnd(() => server.tidemark.stop());
    await server.tidemark.stop();
    await expect(fetch(server.url)).rejects.toThrow();
  });
});
