/** The wire, in literal frames: each test names the PROTOCOL.md rules that it checks. */
import { afterEach, describe, expect, it } from "vitest";
import {
  startTrades as start,
  stopAll,
  trade,
  type Trade,
} from "../../../test/support/trades-server.ts";
import { WireClient, type Frame } from "../../../test/support/wire-client.ts";

afterEach(stopAll);

describe("the gateway", () => {
  it("greets, identifies, answers a subscription with columns, status, snapshot and one watermark (P1, P2, P5, P8)", async () => {
    const { tidemark, connect } = await start();
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const client = connect();
    const hello = await client.next({ op: "HELLO" });
    expect(hello).toMatchObject({
      protocol: 8,
      protocol_min: 5,
      heartbeat_interval_ms: 15_000,
      session_id: expect.stringMatching(/^sess_/),
    });
    client.send({ op: "IDENTIFY", subscriptions: ["trades"] });
    await client.next({ type: "WATERMARK" });
    expect(client.frames.slice(1).map(({ type }) => type)).toEqual([
      "READY",
      "SUBSCRIBED",
      "CHANNEL_STATUS",
      "SNAPSHOT",
      "WATERMARK",
    ]);
    expect(await client.next({ type: "SUBSCRIBED" })).toMatchObject({
      index: 0,
      channel: "trades",
      view: "trades",
      key: ["id"],
      mode: "snapshot",
      reason: "no_cursor",
      columns: [
        { name: "id", type: "text" },
        { name: "symbol", type: "text" },
        { name: "price", type: "float" },
      ],
    });
    const snapshot = await client.next({ type: "SNAPSHOT" });
    expect(snapshot).toEqual({
      op: "DISPATCH",
      type: "SNAPSHOT",
      channel: "trades",
      seq: 2,
      part: 0,
      more: false,
      rows: [trade("a", "BTC", 1), trade("b", "ETH", 2)],
    });
    expect(await client.next({ type: "WATERMARK" })).toMatchObject({ seq: 2 });
  });

  it("sends one delta per turn, each key once at its newest value, with its range (P10, P11)", async () => {
    const { tidemark, connect } = await start();
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const client = connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", id: 7, subscriptions: ["trades"] });
    await client.next({ type: "SUBSCRIBED", id: 7 });
    await client.next({ type: "WATERMARK" });
    const from = client.frameCount;
    void trades.upsert(trade("a", "BTC", 5));
    void trades.upsert(trade("a", "BTC", 6));
    void trades.remove("b");
    await trades.upsert(trade("c", "SOL", 3));
    const delta = await client.next({ type: "DELTA_BATCH" }, from);
    expect(delta).toEqual({
      op: "DISPATCH",
      type: "DELTA_BATCH",
      channel: "trades",
      prev_seq: 1,
      seq: 6,
      watermark: { latest_ingest_seq: 6 },
      patch: { upsert: [trade("a", "BTC", 6), trade("c", "SOL", 3)], remove: ["b"] },
    });
    const watermark = await client.next({ type: "WATERMARK", seq: 6 }, from);
    expect(client.frames.indexOf(watermark)).toBe(client.frames.indexOf(delta) + 1);
  });

  it("maintains a filtered, projected view: rows enter, change and leave (P6, P12)", async () => {
    const { tidemark, connect } = await start();
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 9)]);
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      subscriptions: [{ channel: "trades", where: { column: "price", gt: 5 }, columns: ["price"] }],
    });
    const { view } = await client.next({ type: "SUBSCRIBED" });
    expect(view).toMatch(/^v_/);
    expect((await client.next({ type: "SNAPSHOT" }))["rows"]).toEqual([{ id: "b", price: 9 }]);
    await client.next({ type: "WATERMARK" });
    let from = client.frameCount;
    await trades.upsert(trade("a", "BTC", 7));
    expect((await client.next({ type: "DELTA_BATCH", view }, from))["patch"]).toEqual({
      upsert: [{ id: "a", price: 7 }],
      remove: [],
    });
    from = client.frameCount;
    await trades.upsert(trade("b", "ETH", 4));
    expect((await client.next({ type: "DELTA_BATCH", view }, from))["patch"]).toEqual({
      upsert: [],
      remove: ["b"],
    });
    from = client.frameCount;
    await trades.upsert([trade("b", "ETH", 3), trade("z", "ETH", 1)]);
    await tidemark.transact((tx) => tx.upsert("trades", trade("a", "XRP", 7)));
    await trades.upsert(trade("a", "XRP", 8));
    // Neither rows outside the filter nor columns that are not selected change the view.
    expect((await client.next({ type: "DELTA_BATCH", view }, from))["patch"]).toEqual({
      upsert: [{ id: "a", price: 8 }],
      remove: [],
    });
  });

  it("keeps a top-N full when a row leaves (P12)", async () => {
    const { tidemark, connect } = await start();
    const trades = tidemark.channel("trades");
    await trades.upsert([1, 2, 3, 4].map((price) => trade(`t${price}`, "BTC", price)));
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      subscriptions: [
        { channel: "trades", order_by: [{ column: "price", direction: "desc" }], limit: 2 },
      ],
    });
    // Waits for the snapshot, since a watermark also comes before the subscription.
    await client.next({ type: "SNAPSHOT" });
    const from = client.frameCount;
    await trades.remove("t4");
    expect((await client.next({ type: "DELTA_BATCH" }, from))["patch"]).toEqual({
      upsert: [trade("t2", "BTC", 2)],
      remove: ["t4"],
    });
  });

  it("continues after a cursor without a snapshot, or gives the reason for a snapshot (P7)", async () => {
    const { tidemark, connect } = await start({
      limits: { server: { aheadMsMax: 20, watermarkIntervalMs: 20 } },
    });
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1)]);
    const first = connect();
    await first.open();
    first.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    const { epoch } = await first.next({ type: "SUBSCRIBED" });
    await first.next({ type: "WATERMARK" });
    first.close();
    await trades.upsert([trade("b", "BTC", 2)]);
    const ask = async (cursor: Frame): Promise<WireClient> => {
      const client = connect();
      await client.open();
      client.send({ op: "SUBSCRIBE", subscriptions: [{ channel: "trades", cursor }] });
      await client.next({ type: "WATERMARK" });
      return client;
    };
    const continued = await ask({ epoch, view: "trades", seq: 2 });
    expect(await continued.next({ type: "SUBSCRIBED" })).toMatchObject({ mode: "delta" });
    expect(await continued.next({ type: "DELTA_BATCH", digest: undefined, seq: 3 })).toMatchObject({
      prev_seq: 2,
      seq: 3,
      patch: { upsert: [trade("b", "BTC", 2)], remove: [] },
    });
    expect(continued.frames.some(({ type }) => type === "SNAPSHOT")).toBe(false);
    for (const [cursor, reason] of [
      [{ epoch: "other", view: "trades", seq: 2 }, "epoch"],
      [{ epoch, view: "v_other", seq: 2 }, "view"],
      [{ epoch, view: "trades", seq: 100 }, "ahead"],
    ] as const) {
      expect(await (await ask(cursor)).next({ type: "SUBSCRIBED" })).toMatchObject({
        mode: "snapshot",
        reason,
      });
    }
  });

  it("sends only the changes after an HTTP snapshot (P7, H2)", async () => {
    const { tidemark, url, connect } = await start();
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1)]);
    await tidemark.channel("notes").upsert([{ id: "n" }]);
    await expect.poll(async () => (await (await fetch(`${url}/stats`)).json()).seq).toBe(3);
    const body = await (await fetch(`${url}/v2/snapshot?channels=trades,notes`)).json();
    expect(body).toMatchObject({
      snapshot_seq: 3,
      channels: {
        trades: { mode: "snapshot", rows: [trade("a", "BTC", 1)] },
        notes: { rows: [{ id: "n" }] },
      },
    });
    await tidemark.channel("trades").upsert([trade("b", "BTC", 2)]);
    const client = connect();
    await client.next({ op: "HELLO" });
    client.send({
      op: "IDENTIFY",
      subscriptions: ["trades", "notes"],
      snapshot_seq: body.snapshot_seq,
      epoch: body.epoch,
    });
    await client.next({ type: "WATERMARK", seq: 4 });
    expect(client.frames.filter(({ type }) => type === "SNAPSHOT")).toEqual([]);
    expect(await client.next({ type: "DELTA_BATCH" })).toMatchObject({
      channel: "trades",
      patch: { upsert: [trade("b", "BTC", 2)] },
    });
  });

  it("refuses one bad subscription and serves the others (P9)", async () => {
    const { connect } = await start();
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      id: 3,
      subscriptions: [
        "nope",
        { channel: "trades", where: { column: "prize", eq: 1 } },
        { channel: "trades", where: { column: "symbol", regex: "(" } },
        "trades",
      ],
    });
    expect(await client.next({ op: "ERROR", index: 0 })).toMatchObject({
      code: "UNKNOWN_CHANNEL",
      id: 3,
      retryable: false,
    });
    expect(await client.next({ op: "ERROR", index: 1 })).toMatchObject({
      code: "BAD_QUERY",
      message: expect.stringContaining("id, symbol, price"),
    });
    expect(await client.next({ op: "ERROR", index: 2 })).toMatchObject({ code: "BAD_REGEX" });
    expect(await client.next({ type: "SUBSCRIBED", index: 3 })).toMatchObject({ view: "trades" });
  });

  it.each([
    ["not JSON", "{", 4400],
    ["an unknown op", '{"op":"SHOUT"}', 4400],
    ["a second IDENTIFY", '{"op":"IDENTIFY"}', 4400],
    ["a frame over the limit", JSON.stringify({ op: "X", text: "x".repeat(70_000) }), 1009],
  ])("closes on %s, after an ERROR with the reason (P3)", async (_title, text, code) => {
    const { connect } = await start();
    const client = connect();
    await client.open();
    client.send(text);
    await expect.poll(() => client.closed?.code).toBe(code);
    if (code === 4400)
      expect(client.frames.at(-1)).toMatchObject({ op: "ERROR", code: "BAD_MESSAGE" });
  });

  it("answers a heartbeat with both clocks (P4)", async () => {
    const { connect } = await start();
    const client = connect();
    await client.open();
    client.send({ op: "HEARTBEAT", client_time_unix_ms: 123 });
    expect(await client.next({ op: "HEARTBEAT_ACK" })).toMatchObject({
      client_time_unix_ms: 123,
      server_time_unix_ms: expect.any(Number),
    });
  });

  it("closes connections that never identify or fall silent (P4)", async () => {
    const { connect } = await start({
      limits: { server: { identifyTimeoutMs: 100, heartbeatIntervalMs: 600, silenceMsMax: 600 } },
    });
    const anonymous = connect();
    const silentOne = connect();
    await silentOne.open();
    await expect.poll(() => anonymous.closed?.code, { timeout: 3_000 }).toBe(4408);
    await expect.poll(() => silentOne.closed?.code, { timeout: 3_000 }).toBe(4408);
  });

  it("stops sending a view after UNSUBSCRIBE and keeps the others (P9)", async () => {
    const { tidemark, connect } = await start();
    const client = connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", subscriptions: ["trades", "notes"] });
    await client.next({ type: "WATERMARK" });
    client.send({ op: "UNSUBSCRIBE", views: ["trades", "unknown"] });
    client.send({ op: "HEARTBEAT" });
    await client.next({ op: "HEARTBEAT_ACK" });
    const from = client.frameCount;
    await tidemark.transact((tx) => {
      tx.upsert("trades", trade("a", "BTC", 1));
      tx.upsert("notes", { id: "n" });
    });
    await client.next({ type: "DELTA_BATCH", channel: "notes" }, from);
    await client.next({ type: "WATERMARK", seq: 2 }, from);
    expect(client.frames.slice(from).some(({ channel: name }) => name === "trades")).toBe(false);
  });

  it("sends a snapshot larger than a frame in parts, and lists the view as behind meanwhile (P8)", async () => {
    const { tidemark, connect } = await start({
      limits: { server: { frameBytesMax: 2_000, socketBufferBytesMax: 4_000 } },
    });
    const rows = Array.from({ length: 400 }, (_, index) =>
      trade(`t${index}`, "x".repeat(50), index),
    );
    await tidemark.channel("trades").upsert(rows);
    const client = connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    await client.next({ type: "SNAPSHOT", more: false });
    const parts = client.frames.filter(({ type }) => type === "SNAPSHOT");
    expect(parts.map(({ part }) => part)).toEqual(parts.map((_, index) => index));
    expect(parts.flatMap(({ rows: some }) => some as Trade[])).toEqual(rows);
    expect(
      client.frames.some(
        ({ type, behind }) =>
          type === "WATERMARK" && Array.isArray(behind) && behind.includes("trades"),
      ),
    ).toBe(true);
    await expect
      .poll(() =>
        client.frames.some(({ type, behind }) => type === "WATERMARK" && behind === undefined),
      )
      .toBe(true);
  });
});
