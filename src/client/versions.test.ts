/** A client and a server that speak different versions (V1, V2, V3), over each carrier. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { startTrades, stopAll, trade, atEnd } from "../../test/support/trades-server.ts";
import { createClient, type CarrierName } from "./node.ts";

afterEach(stopAll);

const HELLO = {
  op: "HELLO",
  session_id: "sess_x",
  heartbeat_interval_ms: 15_000,
  identify_timeout_ms: 10_000,
  server_time_unix_ms: 1_700_000_000_000,
};
const TOO_OLD = "The server is too old: it speaks protocol 4, this side 5 to 8.";
const TOO_NEW = "The server is too new: it speaks protocol 9, this side 5 to 8.";

/** Sends HELLO over any carrier, and nothing else. Counts the frames that it receives. */
async function greeter(hello: object) {
  let connections = 0;
  const server: Server = createServer((request, response) => {
    connections++;
    const text = JSON.stringify({ ...HELLO, ...hello });
    const isEvents = request.url?.includes("/sse") === true;
    response.writeHead(200, {
      "content-type": isEvents ? "text/event-stream" : "application/x-ndjson",
    });
    if (isEvents) response.write(`data: ${text}\n\n`);
    else response.end(`${text}\n`);
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    connections++;
    socket.send(JSON.stringify({ ...HELLO, ...hello }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.closeAllConnections());
  atEnd(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}/v2/stream`, connections: () => connections };
}

function clientOf(url: string, carriers: readonly CarrierName[] = ["websocket"]) {
  const client = createClient({ url, carriers });
  atEnd(() => client.close());
  const view = client.live({ channel: "trades" });
  view.subscribe(() => {});
  const state = () => client.connection.getSnapshot().state;
  return { client, view, state };
}

describe("a client reports, and does not reconnect by itself (V2), when a server", () => {
  const cases = (["websocket", "sse", "long-poll", "poll"] as const).flatMap((carrier) => [
    [carrier, { protocol: 4 }, TOO_OLD] as const,
    [carrier, { protocol: 11, protocol_min: 9 }, TOO_NEW] as const,
  ]);
  it.each(cases)("over %s states %j", async (carrier, versions, reason) => {
    const server = await greeter(versions);
    const { view, state } = clientOf(server.url, [carrier]);
    await expect.poll(state).toEqual({ kind: "refused", code: "PROTOCOL_MISMATCH", reason });
    const { connections } = server;
    const before = connections();
    expect(view.getSnapshot().reason).toBe(reason);
    await new Promise((resolve) => setImmediate(resolve));
    expect(connections()).toBe(before);
  });
});

describe("a client works with", () => {
  it("a server of version 5, which states no oldest version (V1)", async () => {
    const server = await greeter({ protocol: 5 });
    const { state } = clientOf(server.url);
    await expect.poll(() => state().kind).toBe("identifying");
  });

  it("a newer server that speaks its version, too (V1)", async () => {
    const server = await greeter({ protocol: 12, protocol_min: 7 });
    const { state } = clientOf(server.url);
    await expect.poll(() => state().kind).toBe("identifying");
  });

  it("an address that asks for version 6, whose digests are empty deltas (V1, V3)", async () => {
    const { stream, tidemark } = await startTrades({
      limits: { server: { digestIntervalMs: 50 } },
    });
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const { client, view } = clientOf(`${stream}?protocol=6`);
    await expect.poll(() => view.getSnapshot().keys).toEqual(["a"]);
    await tidemark.channel("trades").upsert(trade("b", "BTC", 2));
    await expect.poll(() => view.getSnapshot().keys).toEqual(["a", "b"]);
    expect(client.connection.getSnapshot().drifts).toBe(0);
  });
});
