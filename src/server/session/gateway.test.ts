/** The wire, in literal frames: each test names the PROTOCOL.md rules that it checks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { silent } from "../../../test/support/silent.ts";
import {
  atEnd,
  startTrades as start,
  stopAll,
  trade,
  type Trade,
  tradeChannels as channels,
} from "../../../test/support/trades-server.ts";
import { WireClient, type Frame } from "../../../test/support/wire-client.ts";
import { channel, createTidemark } from "../../index.ts";

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

describe("access", () => {
  it("refuses foreign origins and hosts, on sockets and over HTTP (A1)", async () => {
    const { url, connect } = await start();
    for (const headers of [{ origin: "https://evil.example" }, { host: "evil.example" }]) {
      const client = connect(headers);
      await expect.poll(() => client.closed?.code).toBe(1006);
      expect(client.frames).toEqual([]);
    }
    const response = await fetch(`${url}/v2/snapshot?channels=trades`, {
      headers: { origin: "https://evil.example" },
    });
    expect([response.status, (await response.json()).code]).toEqual([403, "FORBIDDEN_ORIGIN"]);
    const own = connect({ origin: url });
    await own.open();
  });

  it("accepts an allowed origin, with CORS (A1)", async () => {
    const { url, connect } = await start({ allowedOrigins: ["https://app.example"] });
    const response = await fetch(`${url}/v2/snapshot?channels=trades`, {
      headers: { origin: "https://app.example" },
    });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([
      200,
      "https://app.example",
    ]);
    await connect({ origin: "https://app.example" }).open();
  });

  it("calls authenticate, and never shows a row that the identity's policy excludes (A2, A3)", async () => {
    interface Note {
      id: string;
      owner: string;
      text: string;
    }
    const { tidemark, url, connect } = await start({
      channels: {
        private: channel<Note>({
          key: "id",
          policy: (identity) =>
            identity === "root"
              ? "all"
              : identity === "nobody"
                ? "none"
                : { column: "owner", eq: String(identity) },
        }),
      },
      authenticate: (request, auth) =>
        (auth as string | undefined) ?? request.headers["authorization"],
    });
    const secret = (tidemark as ReturnType<typeof createTidemark>).channel("private");
    await secret.upsert([
      { id: "1", owner: "ann", text: "a" },
      { id: "2", owner: "bob", text: "b" },
    ]);
    const ann = connect();
    await ann.open("ann");
    const bob = connect();
    await bob.open("bob");
    for (const client of [ann, bob]) client.send({ op: "SUBSCRIBE", subscriptions: ["private"] });
    expect((await ann.next({ type: "SNAPSHOT" }))["rows"]).toEqual([
      { id: "1", owner: "ann", text: "a" },
    ]);
    expect((await bob.next({ type: "SNAPSHOT" }))["rows"]).toEqual([
      { id: "2", owner: "bob", text: "b" },
    ]);
    await secret.upsert({ id: "1", owner: "bob", text: "given away" });
    expect((await ann.next({ type: "DELTA_BATCH" }))["patch"]).toEqual({
      upsert: [],
      remove: ["1"],
    });
    expect((await bob.next({ type: "DELTA_BATCH" }))["patch"]).toEqual({
      upsert: [{ id: "1", owner: "bob", text: "given away" }],
      remove: [],
    });
    const nobody = connect();
    await nobody.open("nobody");
    nobody.send({ op: "SUBSCRIBE", subscriptions: ["private"] });
    expect(await nobody.next({ op: "ERROR" })).toMatchObject({ code: "UNKNOWN_CHANNEL" });
    const get = async (path: string, as?: string) =>
      (await fetch(url + path, as === undefined ? {} : { headers: { authorization: as } })).status;
    expect([
      await get("/v2/rows/private/2", "ann"),
      await get("/v2/rows/private/2", "bob"),
      await get("/v2/rows/private/2"),
    ]).toEqual([404, 200, 401]);
    expect([
      await get("/v2/channels/private", "bob"),
      await get("/v2/channels/private", "nobody"),
      await get("/v2/channels/private"),
    ]).toEqual([200, 404, 401]);
    const anonymous = connect();
    await anonymous.next({ op: "HELLO" });
    anonymous.send({ op: "IDENTIFY" });
    await expect.poll(() => anonymous.closed?.code).toBe(4401);
  });

  it("refuses a public bind without authentication unless it is allowed", async () => {
    const tidemark = createTidemark({ logger: silent });
    await expect(tidemark.listen({ port: 0, host: "0.0.0.0" })).rejects.toMatchObject({
      code: "PUBLIC_BIND",
    });
    await tidemark.stop();
  });

  it("reports clearly that a port is taken", async () => {
    const { url } = await start();
    const other = createTidemark({ logger: silent });
    await expect(other.listen({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: "PORT_IN_USE",
    });
    await other.stop();
  });
});

describe("HTTP", () => {
  it("answers 304 while nothing has changed, and else the changes (H1, H3)", async () => {
    const { tidemark, url } = await start({ limits: { server: { snapshotReuseMs: 1 } } });
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "BTC", 1)]);
    const address = `${url}/v2/snapshot?channels=trades`;
    await expect.poll(async () => (await (await fetch(address)).json()).snapshot_seq).toBe(2);
    const first = await fetch(address);
    const etag = first.headers.get("etag") as string;
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    expect((await fetch(address, { headers: { "if-none-match": etag } })).status).toBe(304);
    await tidemark.channel("notes").upsert([{ id: "elsewhere" }]);
    expect((await fetch(address, { headers: { "if-none-match": etag } })).status).toBe(304);
    await trades.upsert(trade("a", "BTC", 2));
    await trades.remove("b");
    await expect
      .poll(async () => (await (await fetch(`${address}&since_seq=2`)).json()).channels.trades)
      .toMatchObject({ mode: "delta", patch: { upsert: [trade("a", "BTC", 2)], remove: ["b"] } });
    const { revision } = await first.json();
    expect((await (await fetch(`${address}&cursor=${revision}`)).json()).channels.trades.mode).toBe(
      "delta",
    );
    expect((await (await fetch(`${address}&cursor=other:1`)).json()).channels.trades.mode).toBe(
      "snapshot",
    );
  });

  it.each([
    ["/v2/snapshot", 400, "BAD_MESSAGE"],
    ["/v2/snapshot?channels=nope", 404, "UNKNOWN_CHANNEL"],
    ["/v2/snapshot?channels=trades&since_seq=x", 400, "BAD_MESSAGE"],
    ["/v2/rows/trades/nope", 404, "UNKNOWN_ROW"],
    ["/v2/channels/nope", 404, "UNKNOWN_CHANNEL"],
  ])("answers %s with %i %s", async (path, status, code) => {
    const { url } = await start();
    const response = await fetch(url + path);
    expect([response.status, (await response.json()).code]).toEqual([status, code]);
  });

  it("has health, readiness, stats and metrics", async () => {
    const { url } = await start();
    for (const path of ["/healthz", "/readyz", "/stats", "/metrics"])
      expect((await fetch(url + path)).status, path).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'tidemark_channel_rows{channel="trades"} 0',
    );
  });

  it("attaches beside an application on its own server", async () => {
    const server = createServer((_request, response) => response.end("mine"));
    const tidemark = createTidemark({ channels, logger: silent });
    tidemark.attach(server);
    await tidemark.start();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    atEnd(() => new Promise((resolve) => server.close(resolve)));
    atEnd(() => tidemark.stop());
    const { port } = server.address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}/anything`)).text()).toBe("mine");
    expect((await fetch(`http://127.0.0.1:${port}/v2/snapshot?channels=trades`)).status).toBe(200);
    const client = new WireClient(`ws://127.0.0.1:${port}/v2/stream`);
    await client.open();
    client.close();
  });
});

describe("writing", () => {
  it("refuses a bad row before anything of its commit is written", async () => {
    const { tidemark } = await start();
    const trades = tidemark.channel("trades");
    await expect(
      trades.upsert([trade("a", "BTC", 1), { symbol: "ETH" } as unknown as Trade]),
    ).rejects.toMatchObject({ code: "BAD_ROW", message: expect.stringContaining("id") });
    await trades.upsert(trade("b", "BTC", 1));
    await expect.poll(() => trades.size).toBe(1);
    expect(trades.get("a")).toBeUndefined();
  });
});
