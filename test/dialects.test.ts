/** Dialects other than Tidemark's own protocol: what they share with it, and what differs. */
import { createServer } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { TidemarkError, type Dialect, type Outgoing } from "../src/index.ts";
import { freePort } from "./support/free-port.ts";
import { PlainSocket } from "./support/plain-socket.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);

/**
 * A dialect that sends rows as `{rows}` and `{removed}` and nothing else. It counts the messages
 * that it encodes.
 */
function dialect(
  fields: Partial<Dialect> & Pick<Dialect, "path">,
): Dialect & { readonly encoded: Outgoing[] } {
  const encoded: Outgoing[] = [];
  return {
    name: "plain",
    carrier: "websocket",
    connect: () => ({ begins: [{ op: "IDENTIFY", subscriptions: ["trades"] }] }),
    encode: (message) => {
      encoded.push(message);
      if ("rowTexts" in message) return `{"rows":[${message.rowTexts.join(",")}]}`;
      if ("upsertTexts" in message)
        return `{"rows":[${message.upsertTexts.join(",")}],"removed":${JSON.stringify(message.removes)}}`;
      return message.op === "ERROR" ? JSON.stringify({ error: message.code }) : undefined;
    },
    ...fields,
    encoded,
  };
}

describe("a dialect", () => {
  it("shares views, and encodes each message once for all its clients", async () => {
    const plain = dialect({ path: "/ws/plain" });
    const { tidemark, url, connect } = await startTrades({ dialects: [plain] });
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const own = connect();
    await own.open();
    own.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    const clients = [1, 2, 3].map(() => new PlainSocket(`${url.replace("http", "ws")}/ws/plain`));
    await expect
      .poll(() => clients.map(({ messages }) => messages))
      .toEqual(clients.map(() => [{ rows: [trade("a", "BTC", 1)] }]));
    await tidemark.channel("trades").upsert(trade("b", "ETH", 2));
    await expect
      .poll(() => clients.map(({ messages }) => messages[1]))
      .toEqual(clients.map(() => ({ rows: [trade("b", "ETH", 2)], removed: [] })));
    const deltas = plain.encoded.filter(
      (message) => "upsertTexts" in message && message.upsertTexts.length > 0,
    );
    expect(deltas.length).toBe(1);
    expect(tidemark.stats()).toMatchObject({ views: 0, subscriptions: 4 });
  });

  it("keeps to the caller's rights, and closes the connection when they are revoked", async () => {
    const plain = dialect({
      path: "/ws/plain",
      connect: ({ url }) => ({
        begins: [
          { op: "IDENTIFY", auth: url.split("=")[1] },
          { op: "SUBSCRIBE", subscriptions: ["trades"] },
        ],
      }),
    });
    const { tidemark, url } = await startTrades({
      dialects: [plain],
      authenticate: (_request, auth) => auth as string,
      policies: {
        trades: (who) => (who === "all" ? "all" : { column: "symbol", eq: String(who) }),
      },
    });
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const base = `${url.replace("http", "ws")}/ws/plain`;
    const [eth, all, nobody] = [
      new PlainSocket(`${base}?who=ETH`),
      new PlainSocket(`${base}?who=all`),
      new PlainSocket(base),
    ];
    await expect.poll(() => eth.messages).toEqual([{ rows: [trade("b", "ETH", 2)] }]);
    await expect
      .poll(() => all.messages)
      .toEqual([{ rows: [trade("a", "BTC", 1), trade("b", "ETH", 2)] }]);
    await expect.poll(() => nobody.closedWith?.reason).toBe("UNAUTHENTICATED");
    tidemark.revoke("ETH");
    await expect.poll(() => eth.closedWith).toEqual({ code: 1001, reason: "connect again" });
    expect(all.closedWith).toBeUndefined();
  });

  it("needs no heartbeats: a client that answers pings stays connected, another one is closed", async () => {
    const plain = dialect({ path: "/ws/plain" });
    const { url } = await startTrades({
      dialects: [plain],
      limits: { server: { heartbeatIntervalMs: 100, silenceMsMax: 600 } },
    });
    const base = `${url.replace("http", "ws")}/ws/plain`;
    const [alive, dead] = [new PlainSocket(base), new PlainSocket(base, { autoPong: false })];
    let pings = 0;
    alive.socket.on("ping", () => pings++);
    await expect
      .poll(() => dead.closedWith, { timeout: 5_000 })
      .toEqual({ code: 4408, reason: "no message received" });
    const seen = pings;
    await expect.poll(() => pings, { timeout: 5_000 }).toBeGreaterThan(seen + 3);
    expect(alive.closedWith).toBeUndefined();
  });

  it("works over server-sent events and as one HTTP answer, beside the routes of another program", async () => {
    const sse = dialect({
      name: "events",
      path: "/feed",
      carrier: "sse",
      encode: (message) =>
        "rowTexts" in message
          ? `rows\n${message.rowTexts.join("\n")}`
          : "upsertTexts" in message
            ? message.upsertTexts.join("\n")
            : undefined,
    });
    const http = dialect({
      name: "lines",
      path: "/rows.csv",
      carrier: "http",
      contentType: "text/csv",
      encode: (message, view) =>
        "rowTexts" in message
          ? [
              view?.columns.map(({ name }) => name),
              ...message.rowTexts.map((text) => Object.values(JSON.parse(text) as object)),
            ].join("\n")
          : undefined,
    });
    const { tidemark } = await startTrades({ dialects: [sse, http] });
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const server = createServer((_request, response) => void response.end("another's"));
    tidemark.attach(server);
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    atEnd(() => server.closeAllConnections());
    atEnd(() => server.close());
    const base = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${base}/else`)).text()).toBe("another's");
    const csv = await fetch(`${base}/rows.csv`);
    expect([csv.headers.get("content-type"), await csv.text()]).toEqual([
      "text/csv",
      "id,symbol,price\na,BTC,1\nb,ETH,2\n",
    ]);
    const feed = await fetch(`${base}/feed`);
    const reader = (feed.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)
      .getReader();
    let text = "";
    const until = async (end: string): Promise<void> => {
      while (!text.endsWith(end)) text += (await reader.read()).value ?? "";
    };
    await until('"price":2}\n\n');
    expect(text).toBe(
      'data: rows\ndata: {"id":"a","symbol":"BTC","price":1}\ndata: {"id":"b","symbol":"ETH","price":2}\n\n',
    );
    await tidemark.channel("trades").upsert(trade("c", "SOL", 3));
    await until('"price":3}\n\n');
    await reader.cancel();
  });

  it("that takes no messages closes a client that sends one, and a malformed message is reported as such", async () => {
    const mute = dialect({ path: "/ws/mute" });
    const strict = dialect({
      path: "/ws/strict",
      connect: () => ({ begins: [{ op: "IDENTIFY" }], receive: (text) => JSON.parse(text) as [] }),
    });
    const { url } = await startTrades({ dialects: [mute, strict] });
    for (const path of ["/ws/mute", "/ws/strict"]) {
      const client = new PlainSocket(`${url.replace("http", "ws")}${path}`);
      client.socket.on("open", () => client.socket.send("no json"));
      await expect.poll(() => client.closedWith?.reason).toBe("BAD_MESSAGE");
      expect(client.messages.at(-1)).toEqual({ error: "BAD_MESSAGE" });
    }
  });

  it("that throws affects only its own clients", async () => {
    const broken = dialect({
      path: "/ws/broken",
      encode: (message) => {
        if ("upsertTexts" in message && message.upsertTexts.length > 0) throw new Error("no words");
        return undefined;
      },
    });
    const odd = dialect({ path: "/ws/odd", encode: () => 7 as unknown as string });
    const { tidemark, url, connect } = await startTrades({ dialects: [broken, odd] });
    const own = connect();
    await own.open();
    own.send({ op: "SUBSCRIBE", subscriptions: ["trades"] });
    const base = url.replace("http", "ws");
    const [first, second] = [
      new PlainSocket(`${base}/ws/broken`),
      new PlainSocket(`${base}/ws/odd`),
    ];
    await expect.poll(() => second.closedWith).toEqual({ code: 4400, reason: "INTERNAL" });
    await own.next({ type: "SNAPSHOT" });
    await expect.poll(() => tidemark.stats()["subscriptions"]).toBe(2);
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await expect.poll(() => first.closedWith).toEqual({ code: 4400, reason: "INTERNAL" });
    await own.next({ type: "DELTA_BATCH" });
    await tidemark.channel("trades").upsert(trade("b", "BTC", 1));
    await expect.poll(() => own.frames.filter(({ type }) => type === "DELTA_BATCH").length).toBe(2);
  });

  it("passes on only messages of the protocol, and only a bounded number of them", async () => {
    const open = dialect({
      path: "/ws/open",
      connect: () => ({ begins: [{ op: "IDENTIFY" }], receive: (text) => JSON.parse(text) as [] }),
    });
    const { tidemark, url } = await startTrades({ dialects: [open] });
    for (const message of [
      [{ op: "SUBSCRIBE", subscriptions: ["trades"] }, { op: "UNSUBSCRIBE" }],
      [{ op: "CREDIT", turns: "many" }],
      [{ op: "ANSWER", text: 7 }],
      [null],
      "IDENTIFY",
      Array.from({ length: 300 }, () => ({ op: "HEARTBEAT" })),
    ]) {
      const client = new PlainSocket(`${url.replace("http", "ws")}/ws/open`);
      client.socket.on("open", () => client.socket.send(JSON.stringify(message)));
      await expect.poll(() => client.closedWith?.reason).toBe("BAD_MESSAGE");
    }
    expect(tidemark.stats()).toMatchObject({ is_ready: true });
  });

  it("answers a client's text by itself, alone, and only so often", async () => {
    const echo = dialect({
      path: "/ws/echo",
      connect: () => ({
        begins: [{ op: "IDENTIFY", subscriptions: ["trades"] }],
        receive: (text) => JSON.parse(text).map((said: string) => ({ op: "ANSWER", text: said })),
      }),
    });
    const { tidemark, url } = await startTrades({
      dialects: [echo],
      limits: { server: { framesPerSecondMax: 1, framesBurstMax: 10 } },
    });
    const [first, second] = [1, 2].map(
      () => new PlainSocket(`${url.replace("http", "ws")}/ws/echo`),
    ) as [PlainSocket, PlainSocket];
    first.socket.on("open", () => first.socket.send(JSON.stringify(["1", '"two"'])));
    await expect
      .poll(() => new Set<unknown>(first.messages))
      .toEqual(new Set([{ rows: [] }, 1, "two"]));
    await expect.poll(() => second.messages).toEqual([{ rows: [] }]);
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await expect.poll(() => second.messages).toHaveLength(2);
    expect([first.closedWith, second.messages[1]]).toMatchObject([undefined, { removed: [] }]);
    second.socket.send(JSON.stringify(Array.from({ length: 40 }, () => "0")));
    await expect.poll(() => second.closedWith?.reason).toBe("TOO_MANY_FRAMES");
  });

  it("sends all rows at each change to clients that ask for whole views, once for all of them", async () => {
    const plain = dialect({
      path: "/ws/whole",
      connect: ({ url }) => ({
        begins: [{ op: "IDENTIFY", subscriptions: ["trades"] }],
        isWhole: ({ channel: name }) => name === "trades" && url.endsWith("?whole"),
      }),
    });
    const { tidemark, url } = await startTrades({ dialects: [plain] });
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const base = `${url.replace("http", "ws")}/ws/whole`;
    const whole = [1, 2].map(() => new PlainSocket(`${base}?whole`));
    const other = new PlainSocket(base);
    const [a, b, c] = [trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "SOL", 3)];
    const every = (messages: readonly unknown[]) =>
      expect.poll(() => whole.map((client) => client.messages)).toEqual(whole.map(() => messages));
    await every([{ rows: [a] }]);
    await expect.poll(() => other.messages).toEqual([{ rows: [a] }]);
    await tidemark.channel("trades").upsert(b);
    await every([{ rows: [a] }, { rows: [a, b] }]);
    await tidemark.transact((transaction) => {
      transaction.remove("trades", "a");
      transaction.upsert("trades", c);
    });
    await every([{ rows: [a] }, { rows: [a, b] }, { rows: [b, c] }]);
    await expect
      .poll(() => other.messages)
      .toEqual([{ rows: [a] }, { rows: [b], removed: [] }, { rows: [c], removed: ["a"] }]);
    const snapshots = plain.encoded.filter(
      (message) => "rowTexts" in message && message.rowTexts.length > 1,
    );
    expect(snapshots.length).toBe(2);
    expect(tidemark.stats()).toMatchObject({ resets: {} });
  });

  it("over one HTTP answer waits for its first text, and is refused when none comes", async () => {
    const answer = (path: string, firstTextMsMax: number): Dialect =>
      dialect({
        name: path,
        path,
        carrier: "http",
        contentType: "application/json",
        firstTextMsMax,
        connect: () => ({
          begins: [{ op: "IDENTIFY", subscriptions: ["trades"] }],
          isWhole: () => true,
        }),
        encode: (message) =>
          "rowTexts" in message && message.rowTexts.length > 0
            ? `[${message.rowTexts.join(",")}]`
            : undefined,
      });
    const { tidemark, url } = await startTrades({
      dialects: [answer("/patient", 60_000), answer("/hasty", 0)],
      limits: { server: { watermarkIntervalMs: 50 } },
    });
    const refused = await fetch(`${url}/hasty`);
    expect([refused.status, await refused.json()]).toEqual([
      503,
      { code: "NOT_READY", message: expect.any(String), retryable: true },
    ]);
    const waiting = fetch(`${url}/patient`);
    await expect.poll(() => tidemark.stats()["subscriptions"]).toBe(1);
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const answered = await waiting;
    expect([answered.status, await answered.json()]).toEqual([
      200,
      [trade("a", "BTC", 1), trade("b", "ETH", 2)],
    ]);
  });

  it("over one HTTP answer says what is refused, and never sends a part as the whole", async () => {
    const lines = (fields: Partial<Dialect>): Dialect =>
      dialect({
        name: "lines",
        path: "/rows",
        carrier: "http",
        encode: (message) => ("rowTexts" in message ? message.rowTexts.join("\n") : undefined),
        ...fields,
      });
    const refused = await startTrades({ dialects: [lines({})], authenticate: () => null });
    const unauthenticated = await fetch(`${refused.url}/rows`);
    expect([unauthenticated.status, await unauthenticated.json()]).toEqual([
      401,
      { code: "UNAUTHENTICATED", message: expect.any(String), retryable: false },
    ]);
    const unknown = await startTrades({
      dialects: [
        lines({ connect: () => ({ begins: [{ op: "IDENTIFY", subscriptions: ["nothing"] }] }) }),
      ],
    });
    expect((await fetch(`${unknown.url}/rows`)).status).toBe(404);
    expect(unknown.tidemark.stats()).toMatchObject({ sessions: 0 });
  });

  it("that sends nothing over server-sent events still sends headers, and notices closed connections", async () => {
    const silent = dialect({ path: "/quiet", carrier: "sse", encode: () => undefined });
    const { tidemark, url } = await startTrades({
      dialects: [silent],
      limits: { server: { watermarkIntervalMs: 50 } },
    });
    const response = await fetch(`${url}/quiet`);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value).slice(0, 3)).toBe(":\n\n");
    await reader.cancel();
    await expect.poll(() => tidemark.stats()["sessions"]).toBe(0);
  });

  it("needs its own path", async () => {
    for (const path of ["ws", "/v2/mine", "/metrics", "/a b"]) {
      await expect(startTrades({ dialects: [dialect({ path })] })).rejects.toThrow(TidemarkError);
    }
    await expect(
      startTrades({ dialects: [dialect({ path: "/x" }), dialect({ path: "/x" })] }),
    ).rejects.toThrow("taken");
  });
});
