/** Who may connect and read, what plain HTTP answers, and what a write refuses. */
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
import { WireClient } from "../../../test/support/wire-client.ts";
import { channel, createTidemark } from "../../index.ts";

afterEach(stopAll);

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
