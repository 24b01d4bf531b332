/** Server-sent events and polls: the same turns from the same cursors, over plain HTTP. */
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  atEnd,
  startTrades as start,
  stopAll,
  trade,
} from "../../../test/support/trades-server.ts";
import type { Frame } from "../../../test/support/wire-client.ts";

afterEach(stopAll);

interface Event {
  readonly id: string | undefined;
  readonly frame: Frame;
}

/** Reads events as they arrive. */
async function events(url: string, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  atEnd(() => abort.abort());
  const response = await fetch(url, { headers, signal: abort.signal });
  const seen: Event[] = [];
  let isOver = false;
  void (async () => {
    let text = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name: string): string | undefined =>
          block
            .split("\n")
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2);
        seen.push({ id: field("id"), frame: JSON.parse(field("data") ?? "null") as Frame });
      }
    }
  })()
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });
  const next = async (fields: Frame, from = 0): Promise<Event> => {
    const find = (): Event | undefined =>
      seen
        .slice(from)
        .find(({ frame }) =>
          Object.entries(fields).every(
            ([name, value]) => JSON.stringify(frame[name]) === JSON.stringify(value),
          ),
        );
    await expect.poll(find, { timeout: 5_000, interval: 5 }).toBeDefined();
    return find() as Event;
  };
  return {
    response,
    seen,
    next,
    stop: () => abort.abort(),
    get isOver() {
      return isOver;
    },
  };
}

async function poll(url: string, init?: RequestInit): Promise<readonly Frame[]> {
  const response = await fetch(url, init);
  expect(response.headers.get("content-type")).toMatch(/^application\/x-ndjson/);
  return (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Frame);
}

describe("server-sent events", () => {
  it("carry the same frames; only the end of a whole turn has an id, and Last-Event-ID continues every view (T1, T2)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 9)]);
    const subscriptions = encodeURIComponent(
      JSON.stringify(["trades", { channel: "trades", where: { column: "price", gt: 5 } }]),
    );
    const url = `${server.url}/v2/sse?subscriptions=${subscriptions}`;
    const first = await events(url);
    expect(first.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(first.response.headers.get("x-accel-buffering")).toBe("no");
    // On a busy machine the second view is opened in a turn of its own.
    const subscribed = (): readonly number[] =>
      first.seen.flatMap(({ frame }, at) => (frame["type"] === "SUBSCRIBED" ? [at] : []));
    await expect.poll(() => subscribed().length, { timeout: 5_000 }).toBe(2);
    const { id } = await first.next({ type: "WATERMARK", seq: 2 }, subscribed()[1]);
    expect(
      first.seen
        .filter(({ frame }) => frame["type"] !== "WATERMARK")
        .every((event) => event.id === undefined),
    ).toBe(true);
    first.stop();
    await trades.upsert(trade("a", "BTC", 7));
    const second = await events(url, { "last-event-id": String(id) });
    await expect
      .poll(
        () =>
          second.seen.filter(
            ({ frame }) => frame["type"] === "DELTA_BATCH" && frame["digest"] === undefined,
          ).length,
        { timeout: 4_000 },
      )
      .toBe(2);
    expect(
      second.seen
        .filter(({ frame }) => frame["type"] === "SUBSCRIBED")
        .map(({ frame }) => frame["mode"]),
    ).toEqual(["delta", "delta"]);
    // An event id covers only the views that were subscribed when it was made.
    const other = await events(
      `${server.url}/v2/sse?subscriptions=${encodeURIComponent(JSON.stringify([{ channel: "trades", where: { column: "price", gt: 6 } }]))}`,
      { "last-event-id": String(id) },
    );
    expect((await other.next({ type: "SUBSCRIBED" })).frame).toMatchObject({
      mode: "snapshot",
      reason: "no_cursor",
    });
  });

  it("take the client's messages by POST: IDENTIFY, subscriptions, credit (T3)", async () => {
    const server = await start();
    const stream = await events(`${server.url}/v2/sse`);
    const { frame: hello } = await stream.next({ op: "HELLO" });
    const say = (...frames: object[]): Promise<Response> =>
      fetch(`${server.url}/v2/up?session=${String(hello["session_id"])}`, {
        method: "POST",
        body: frames.map((frame) => JSON.stringify(frame)).join("\n"),
      });
    expect((await say({ op: "IDENTIFY" })).status).toBe(204);
    await say({ op: "SUBSCRIBE", id: 3, subscriptions: ["trades"] }, { op: "CREDIT", turns: 0 });
    await say({ op: "HEARTBEAT" });
    await stream.next({ op: "HEARTBEAT_ACK" });
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await say({ op: "HEARTBEAT" });
    expect(stream.seen.some(({ frame }) => frame["type"] === "DELTA_BATCH")).toBe(false);
    await say({ op: "CREDIT", turns: 3 });
    await stream.next({ type: "WATERMARK", seq: 2 });
    const unknown = await fetch(`${server.url}/v2/up?session=sess_none`, {
      method: "POST",
      body: "{}",
    });
    expect([unknown.status, ((await unknown.json()) as Frame)["code"]]).toEqual([
      404,
      "UNKNOWN_SESSION",
    ]);
    expect((await say({ op: "NONSENSE" })).status).toBe(204);
    await stream.next({ op: "ERROR", code: "BAD_MESSAGE" });
    await expect.poll(() => stream.isOver).toBe(true);
  });
});

describe("answers that wait behind others on one connection", () => {
  it("leave no session behind when the connection goes", async () => {
    const { tidemark, url } = await start();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("GET /v2/sse?channels=trades HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20));
    await expect.poll(() => tidemark.stats()["sessions"]).toBe(20);
    socket.destroy();
    await expect
      .poll(() => [tidemark.stats()["sessions"], tidemark.stats()["subscriptions"]])
      .toEqual([0, 0]);
  });
});

describe("a message by POST", () => {
  it("needs an id that the server signed, of a one-way session (T3)", async () => {
    const { url, connect: open } = await start();
    const client = open();
    const { session_id } = await client.next({ op: "HELLO" });
    for (const id of [
      String(session_id),
      String(session_id).split(".")[0],
      `${String(session_id)}x`,
    ]) {
      expect(
        (await fetch(`${url}/v2/up?session=${id}`, { method: "POST", body: '{"op":"HEARTBEAT"}' }))
          .status,
      ).toBe(404);
    }
  });
});

describe("a poll", () => {
  it("is one turn, from the cursors that it names (T4)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1)]);
    const first = await poll(`${server.url}/v2/changes?channels=trades`);
    expect(first.map(({ op, type }) => type ?? op)).toEqual([
      "HELLO",
      "READY",
      "SUBSCRIBED",
      "CHANNEL_STATUS",
      "SNAPSHOT",
      "WATERMARK",
    ]);
    const epoch = first[1]?.["epoch"];
    await trades.upsert(trade("b", "BTC", 2));
    await expect.poll(() => server.tidemark.stats()["seq"]).toBe(3);
    const second = await poll(`${server.url}/v2/changes?channels=trades&cursor=${String(epoch)}:2`);
    expect(
      second.find(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined),
    ).toMatchObject({ seq: 3, patch: { upsert: [trade("b", "BTC", 2)], remove: [] } });
    const body = JSON.stringify({
      op: "RESUME",
      session_id: first[1]?.["session_id"],
      subscriptions: [{ channel: "trades", cursor: { epoch, view: "trades", seq: 3 } }],
    });
    const third = await poll(`${server.url}/v2/changes`, { method: "POST", body });
    // The delta has only the digest.
    expect(third.map(({ op, type }) => type ?? op)).toEqual([
      "HELLO",
      "RESUMED",
      "SUBSCRIBED",
      "CHANNEL_STATUS",
      "DELTA_BATCH",
      "WATERMARK",
    ]);
    expect(server.tidemark.stats()["sessions"]).toBe(0);
  });

  it("with wait_ms waits until a turn has news (T4)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    await trades.upsert(trade("a", "BTC", 1));
    const { epoch } = server.tidemark;
    await expect.poll(() => server.tidemark.stats()["seq"]).toBe(2);
    const waiting = poll(
      `${server.url}/v2/changes?channels=trades&cursor=${epoch}:2&wait_ms=30000`,
    );
    await expect.poll(() => server.tidemark.stats()["subscriptions"]).toBe(1);
    await trades.upsert(trade("a", "BTC", 2));
    expect(
      (await waiting).find(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined),
    ).toMatchObject({ patch: { upsert: [trade("a", "BTC", 2)] } });
    const empty = await poll(
      `${server.url}/v2/changes?channels=trades&cursor=${epoch}:3&wait_ms=10`,
    );
    expect(empty.some(({ type, digest }) => type === "DELTA_BATCH" && digest === undefined)).toBe(
      false,
    );
  });

  it("brings a snapshot larger than the socket's bound whole (T4, P15)", async () => {
    const server = await start({
      limits: { server: { frameBytesMax: 2_000, socketBufferBytesMax: 4_000 } },
    });
    const rows = Array.from({ length: 2_000 }, (_, index) => trade(`t${index}`, "BTC", index));
    await server.tidemark.channel("trades").upsert(rows);
    const frames = await poll(`${server.url}/v2/changes?channels=trades`);
    expect(
      frames.filter(({ type }) => type === "SNAPSHOT").flatMap((frame) => frame["rows"]),
    ).toEqual(rows);
    expect(frames.at(-1)).toMatchObject({ type: "WATERMARK", seq: 2 });
  });

  it("answers a malformed request with 400 and a code (H5)", async () => {
    const { url } = await start();
    for (const path of [
      "/v2/changes",
      "/v2/changes?subscriptions={",
      "/v2/changes?channels=trades&cursor=x",
      "/v2/changes?channels=trades&wait_ms=soon",
      "/v2/sse?subscriptions=3",
    ]) {
      const response = await fetch(url + path);
      expect([path, response.status, ((await response.json()) as Frame)["code"]]).toEqual([
        path,
        400,
        "BAD_MESSAGE",
      ]);
    }
    for (const body of ["{}", '{"op":"HEARTBEAT"}', "x".repeat(70_000)])
      expect((await fetch(`${url}/v2/changes`, { method: "POST", body })).status).toBe(400);
  });
});
