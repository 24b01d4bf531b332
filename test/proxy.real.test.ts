/**
 * Behind a real nginx that forbids upgrades, buffers answers or cuts idle connections, the client
 * finds a carrier that works, and upgrades again later.
 */
import { afterEach, describe, expect, it } from "vitest";
import { createClient, type CarrierName, type LiveView } from "../src/client/node.ts";
import { nginxPath, startNginx, type ProxyBehaviour } from "./support/nginx.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);

async function throughProxy(
  behaviour: ProxyBehaviour,
  options: { readonly upgradeIntervalMs?: number } = {},
) {
  const { tidemark, url } = await startTrades();
  const trades = tidemark.channel("trades");
  await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
  const nginx = await startNginx(Number(new URL(url).port), behaviour);
  atEnd(() => nginx.stop());
  const client = createClient({
    url: `ws://localhost:${nginx.port}/v2/stream`,
    backoff: { firstMs: 20, delaysMs: [50, 100, 200, 400, 800] },
    pollIntervalMs: 100,
    ...options,
  });
  atEnd(() => client.close());
  const view = client.live({ channel: "trades" });
  view.subscribe(() => {});
  const transport = (): CarrierName => client.connection.getSnapshot().carrier;
  const shows = (price: number): Promise<unknown> =>
    expect
      .poll(() => [view.row("a")?.["price"], view.getSnapshot().status], { timeout: 30_000 })
      .toEqual([price, "live"]);
  return { nginx, trades, client, view: view as LiveView, transport, shows };
}

describe.skipIf(nginxPath === undefined)("behind nginx", () => {
  it("uses a WebSocket where upgrades pass", async () => {
    const { trades, transport, shows } = await throughProxy({
      passesUpgrades: true,
      buffers: false,
      idleMs: 5_000,
    });
    await shows(1);
    await trades.upsert(trade("a", "BTC", 7));
    await shows(7);
    expect(transport()).toBe("websocket");
  });

  it("uses server-sent events where upgrades fail, keeps them while idle, and upgrades again without a gap", async () => {
    const { nginx, trades, view, transport, shows } = await throughProxy(
      { passesUpgrades: false, buffers: false, idleMs: 2_000 },
      { upgradeIntervalMs: 200 },
    );
    await shows(1);
    expect(transport()).toBe("sse");
    // Longer than nginx waits for a silent answer; the server sends a watermark each second.
    await expect
      .poll(() => view.getSnapshot().asOf ?? 0, { timeout: 8_000 })
      .toBeGreaterThan((view.getSnapshot().asOf ?? 0) + 2_500);
    expect(transport()).toBe("sse");
    nginx.reload({ passesUpgrades: true, buffers: false, idleMs: 5_000 });
    const seen = new Set<string>();
    view.subscribe(() => seen.add(view.getSnapshot().status));
    const writing = (async () => {
      for (let price = 100; transport() !== "websocket"; price++) {
        await trades.upsert(trade("a", "BTC", price));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await expect.poll(transport, { timeout: 10_000 }).toBe("websocket");
    await writing;
    await trades.upsert(trade("a", "BTC", 9));
    await shows(9);
    expect(seen.has("stale")).toBe(false);
  });

  it("uses long polls where answers are buffered until they end", { timeout: 60_000 }, async () => {
    const { trades, transport, shows } = await throughProxy({
      passesUpgrades: false,
      buffers: true,
      idleMs: 30_000,
    });
    await shows(1);
    await trades.upsert(trade("a", "BTC", 3));
    await shows(3);
    expect(transport()).toBe("long-poll");
  });

  it("uses plain polls where even waiting requests are cut", { timeout: 60_000 }, async () => {
    const { trades, transport, shows } = await throughProxy({
      passesUpgrades: false,
      buffers: true,
      idleMs: 500,
    });
    await shows(1);
    await expect.poll(transport, { timeout: 40_000 }).toBe("poll");
    await trades.upsert(trade("a", "BTC", 4));
    await shows(4);
  });
});
