/** How a client comes to a fallback carrier that works, and keeps it while nothing better does. */
import { afterEach, expect, it } from "vitest";
import { atEnd, startTrades, stopAll, trade } from "../../../test/support/trades-server.ts";
import { createClient, immediately, type WebSocketLike } from "../node.ts";

afterEach(stopAll);

it("keeps a working fallback when the WebSocket leads to a server of another version (V2)", async () => {
  const { stream, tidemark } = await startTrades();
  let greetings = 0;
  let isReachable = false;
  /** A proxy that forbids upgrades at first, and later leads to a server that is too new. */
  class TooNew implements WebSocketLike {
    onopen: WebSocketLike["onopen"] = null;
    onmessage: WebSocketLike["onmessage"] = null;
    onclose: WebSocketLike["onclose"] = null;
    onerror: WebSocketLike["onerror"] = null;

    constructor() {
      queueMicrotask(() => {
        if (!isReachable) return this.onclose?.({ code: 1006, reason: "" });
        greetings++;
        this.onmessage?.({ data: '{"op":"HELLO","protocol":99,"protocol_min":99}' });
      });
    }

    send(): void {}
    close(): void {}
  }
  const client = createClient({
    url: stream,
    WebSocket: TooNew,
    carriers: ["websocket", "long-poll"],
    carrierAttemptsMax: 1,
    upgradeIntervalMs: 20,
    pacing: immediately,
    backoff: { firstMs: 5, delaysMs: [5] },
  });
  atEnd(() => client.close());
  const view = client.live({ channel: "trades" });
  view.subscribe(() => {});
  await expect.poll(() => client.connection.getSnapshot().state.kind).toBe("open");
  isReachable = true;
  await expect.poll(() => greetings).toBeGreaterThan(1);
  await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
  await expect.poll(() => view.getSnapshot().keys).toEqual(["a"]);
  expect(client.connection.getSnapshot()).toMatchObject({
    carrier: "long-poll",
    state: { kind: "open" },
  });
});

it("changes to the next carrier when the server proves reachable after the next attempt has begun", async () => {
  const { stream } = await startTrades();
  let attempts = 0;
  let requests = 0;
  let onSecond = (): void => {};
  const second = new Promise<void>((resolve) => (onSecond = resolve));
  /** A proxy that refuses the first upgrade, and does not answer the next ones. */
  class Refused implements WebSocketLike {
    onopen: WebSocketLike["onopen"] = null;
    onmessage: WebSocketLike["onmessage"] = null;
    onclose: WebSocketLike["onclose"] = null;
    onerror: WebSocketLike["onerror"] = null;

    constructor() {
      if (++attempts === 1) queueMicrotask(() => this.onclose?.({ code: 1006, reason: "" }));
      else onSecond();
    }

    send(): void {}
    close(): void {}
  }
  const client = createClient({
    url: stream,
    WebSocket: Refused,
    carriers: ["websocket", "long-poll"],
    // A slow network: the question whether the server is reachable takes longer than the pause.
    fetch: async (input, init) => {
      if (++requests === 1) await second;
      return fetch(input, init);
    },
    pacing: immediately,
    backoff: { firstMs: 5, delaysMs: [5] },
  });
  atEnd(() => client.close());
  client.live({ channel: "trades" }).subscribe(() => {});
  await expect
    .poll(() => client.connection.getSnapshot())
    .toMatchObject({ carrier: "long-poll", state: { kind: "open" } });
  expect(attempts).toBe(2);
});
