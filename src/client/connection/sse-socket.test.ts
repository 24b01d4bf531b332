/** Messages of a client that follows server-sent events, where its requests get no answer. */
import { afterEach, expect, it } from "vitest";
import { atEnd, startTrades, stopAll, trade } from "../../../test/support/trades-server.ts";
import { createClient, immediately } from "../node.ts";

afterEach(stopAll);

/** A client whose next `broken.posts` messages are cut off, before or after they have arrived. */
async function startClient(isReceived: boolean) {
  const { stream, tidemark } = await startTrades();
  await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
  const broken = { posts: 0 };
  const client = createClient({
    url: stream,
    carriers: ["sse"],
    pacing: immediately,
    fetch: async (input, init) => {
      if (!input.includes("/up") || broken.posts === 0) return fetch(input, init);
      broken.posts--;
      if (isReceived) await fetch(input, init);
      throw new TypeError("fetch failed");
    },
  });
  atEnd(() => client.close());
  const seen = new Set<string>();
  const view = client.live({ channel: "trades" });
  view.subscribe(() => seen.add(view.getSnapshot().status));
  await expect.poll(() => view.getSnapshot().status).toBe("live");
  return { broken, client, seen, view };
}

it.each([false, true])(
  "sends a message again whose connection broke, and stays live (arrived: %s)",
  async (isReceived) => {
    const { broken, client, seen } = await startClient(isReceived);
    broken.posts = 2;
    const other = client.live({ channel: "trades", where: { column: "symbol", eq: "ETH" } });
    other.subscribe(() => {});
    await expect.poll(() => other.getSnapshot()).toMatchObject({ status: "live", keys: ["b"] });
    expect(broken.posts).toBe(0);
    expect([...seen]).not.toContain("stale");
  },
);

it("counts the stream as lost when no message gets through", async () => {
  const { broken, client, seen } = await startClient(false);
  broken.posts = 3;
  client.live({ channel: "trades", limit: 1 }).subscribe(() => {});
  await expect.poll(() => seen.has("stale")).toBe(true);
});
