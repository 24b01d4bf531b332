/** Malicious or careless input: each case once caused a failure. */
import { createConnection } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startTrades as start, stopAll, trade } from "../../../test/support/trades-server.ts";
import { channel, type createTidemark } from "../../index.ts";

afterEach(stopAll);

describe("hostile input", () => {
  it("survives addresses that are no paths, and refused clients that disconnect", async () => {
    const { url, connect } = await start();
    const { port } = new URL(url);
    const raw = (text: string, isRude: boolean): Promise<void> =>
      new Promise((resolve) => {
        const socket = createConnection(Number(port), "127.0.0.1", () =>
          socket.write(text, () => isRude && socket.resetAndDestroy()),
        );
        socket.on("error", () => {});
        socket.on("close", () => resolve());
        socket.resume();
      });
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    await raw("GET // HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false);
    await raw(`GET // HTTP/1.1\r\nHost: localhost\r\n${upgrade}`, false);
    for (let round = 0; round < 20; round++)
      await raw(`GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n${upgrade}`, true);
    await connect().open();
  });

  it("does not take names of the prototype as columns", async () => {
    const { tidemark, connect } = await start();
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      subscriptions: [
        { channel: "notes", where: { column: "constructor", like: "%" } },
        { channel: "notes", columns: ["__proto__"] },
      ],
    });
    expect(await client.next({ op: "ERROR", index: 0 })).toMatchObject({ code: "BAD_QUERY" });
    await tidemark.channel("notes").upsert({ id: "1" });
    expect((await client.next({ type: "DELTA_BATCH" }))["patch"]).toEqual({
      upsert: [{ id: "1" }],
      remove: [],
    });
  });

  it("refuses a row that JSON can't carry, and keeps its own copy of the others", async () => {
    const { tidemark, connect } = await start();
    const notes = tidemark.channel("notes");
    await expect(notes.upsert({ id: 1n as never })).rejects.toMatchObject({ code: "BAD_ROW" });
    const mine = { id: "1", s: "A" };
    await notes.upsert(mine);
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      subscriptions: [{ channel: "notes", where: { column: "s", eq: "A" } }],
    });
    expect((await client.next({ type: "SNAPSHOT" }))["rows"]).toEqual([{ id: "1", s: "A" }]);
    await client.next({ type: "WATERMARK" });
    mine.s = "B";
    await notes.upsert(mine);
    expect((await client.next({ type: "DELTA_BATCH" }))["patch"]).toEqual({
      upsert: [],
      remove: ["1"],
    });
  });

  it("shows nothing when a policy returns undefined", async () => {
    const { connect } = await start({
      channels: { guarded: channel({ key: "id", policy: () => undefined as never }) },
    });
    const client = connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", subscriptions: ["guarded"] });
    expect(await client.next({ op: "ERROR" })).toMatchObject({ code: "UNKNOWN_CHANNEL" });
  });

  it("answers no client with 304 for another identity's rows", async () => {
    const { tidemark, url } = await start({
      channels: {
        owned: channel({
          key: "id",
          policy: (identity) =>
            identity === "root" ? "all" : { column: "owner", eq: String(identity) },
        }),
      },
      authenticate: (request) => request.headers["authorization"],
    });
    await (tidemark as ReturnType<typeof createTidemark>).channel("owned").upsert([
      { id: "1", owner: "ann" },
      { id: "2", owner: "bob" },
    ]);
    await expect.poll(() => tidemark.stats()["seq"]).toBe(2);
    const get = (authorization: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${url}/v2/snapshot?channels=owned`, { headers: { authorization, ...headers } });
    const etag = (await get("root")).headers.get("etag") as string;
    expect((await get("root", { "if-none-match": etag })).status).toBe(304);
    const bob = await get("bob", { "if-none-match": etag });
    expect([bob.status, (await bob.json()).channels.owned.rows]).toEqual([
      200,
      [{ id: "2", owner: "bob" }],
    ]);
  });

  it("catches up after a mass delete while stalled sockets hold old snapshots", async () => {
    const { tidemark, connect } = await start({
      limits: {
        server: { frameBytesMax: 4_000, socketBufferBytesMax: 16_000, snapshotReuseMs: 60_000 },
      },
    });
    const trades = tidemark.channel("trades");
    await trades.upsert(
      Array.from({ length: 3_000 }, (_, index) => trade(`t${index}`, "x".repeat(400), index)),
    );
    for (let stalled = 0; stalled < 4; stalled++) {
      const client = connect();
      await client.open();
      client.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
      await client.next({ type: "SNAPSHOT" });
      client.socket.pause();
    }
    await trades.remove(Array.from({ length: 2_990 }, (_, index) => `t${index}`));
    const client = connect();
    await client.open();
    client.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    await expect
      .poll(() =>
        client.frames.some(({ type, behind }) => type === "WATERMARK" && behind === undefined),
      )
      .toBe(true);
    expect(
      client.frames.filter(({ type, part }) => type === "SNAPSHOT" && part === 0).length,
    ).toBeLessThanOrEqual(2);
  });
});
