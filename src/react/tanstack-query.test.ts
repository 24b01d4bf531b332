/** Live views as cache entries, without React: an observer of the library's core, a real server. */
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { WebSocket } from "ws";
import { afterEach, describe, expect, it } from "vitest";
import { silent } from "../../test/support/silent.ts";
import {
  atEnd,
  startTrades,
  stopAll,
  trade,
  tradeChannels,
  type Trade,
} from "../../test/support/trades-server.ts";
import { createTidemark } from "../index.ts";
import { createClient, type TypedChannel } from "../client/node.ts";
import { liveQueryOptions } from "./tanstack-query.ts";

afterEach(stopAll);

async function serve() {
  const server = await startTrades();
  const requests: string[] = [];
  const client = createClient<{ trades: TypedChannel<Trade> }>({
    url: server.stream,
    lingerMs: 10,
    backoff: { firstMs: 20, delaysMs: [20, 40] },
    fetch: (url, init) => {
      requests.push(url);
      return fetch(url, init);
    },
  });
  const cache = new QueryClient();
  cache.mount();
  atEnd(() => {
    cache.clear();
    cache.unmount();
    client.close();
  });
  return { ...server, client, cache, requests, trades: server.tidemark.channel("trades") };
}

const BTC = { channel: "trades", where: { column: "symbol", eq: "BTC" } } as const;

describe("liveQueryOptions", () => {
  it("fills the entry once, merges pushed changes, keeps unchanged rows the same, and fetches nothing", async () => {
    const { client, cache, requests, trades } = await serve();
    await trades.upsert([trade("a", "BTC", 1), trade("b", "BTC", 2)]);
    const observer = new QueryObserver(cache, liveQueryOptions(client, BTC));
    const seen: [number[] | undefined, boolean][] = [];
    atEnd(
      observer.subscribe(
        ({ data, isFetching }) => void seen.push([data?.map(({ price }) => price), isFetching]),
      ),
    );
    await expect
      .poll(() => observer.getCurrentResult().data)
      .toEqual([trade("a", "BTC", 1), trade("b", "BTC", 2)]);
    const before = observer.getCurrentResult().data;
    await trades.upsert(trade("b", "BTC", 3));
    await expect.poll(() => observer.getCurrentResult().data?.[1]).toEqual(trade("b", "BTC", 3));
    expect(observer.getCurrentResult().data?.[0]).toBe(before?.[0]);
    expect([observer.getCurrentResult().isStale, requests]).toEqual([false, []]);
    // No query returned to loading, and no intermediate state was shown.
    expect(seen.filter(([data]) => data !== undefined)).toEqual([
      [[1, 2], false],
      [[1, 3], false],
    ]);
  });

  it("leaves the entry's structure as it is", async () => {
    const { client, cache, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const options = liveQueryOptions(client, BTC, {
      queryKey: ["prices"],
      toData: (
        rows,
        entry: { readonly results: readonly Trade[]; readonly schema: string } | undefined,
      ) => ({ schema: "v1", ...entry, results: rows }),
    });
    cache.setQueryData(["prices"], { results: [], schema: "v7" });
    const observer = new QueryObserver(cache, options);
    atEnd(observer.subscribe(() => {}));
    await expect
      .poll(() => observer.getCurrentResult().data)
      .toEqual({ results: [trade("a", "BTC", 1)], schema: "v7" });
  });

  it("ends the subscription when the entry is collected, and not before", async () => {
    const { client, cache, tidemark } = await serve();
    const subscriptions = (): unknown =>
      (tidemark.stats() as { subscriptions?: number }).subscriptions;
    const observer = new QueryObserver(cache, liveQueryOptions(client, BTC, { gcTime: 60 }));
    const stop = observer.subscribe(() => {});
    await expect.poll(subscriptions).toBe(1);
    stop();
    await expect.poll(subscriptions).toBe(0);
    expect(cache.getQueryCache().getAll()).toEqual([]);
    expect(liveQueryOptions(client, BTC).gcTime).toBe(600_000);
  });

  it("is stale while the stream is down, keeps its rows, and follows again without loading", async () => {
    const { client, cache, tidemark, url, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const options = { ...liveQueryOptions(client, BTC), retry: false };
    const observer = new QueryObserver(cache, options);
    const statuses = new Set<string>();
    atEnd(observer.subscribe(({ status }) => void statuses.add(status)));
    await expect.poll(() => observer.getCurrentResult().data).toHaveLength(1);
    const isStale = (): boolean =>
      observer.getOptimisticResult(cache.defaultQueryOptions(options) as never).isStale;
    expect(isStale()).toBe(false);
    await tidemark.stop();
    await expect.poll(isStale).toBe(true);
    expect(observer.getCurrentResult().data).toEqual([trade("a", "BTC", 1)]);
    const again = createTidemark({ channels: tradeChannels, logger: silent });
    atEnd(() => again.stop());
    await again.channel("trades").upsert(trade("a", "BTC", 2));
    await again.listen({ port: Number(new URL(url).port) });
    await expect.poll(() => observer.getCurrentResult().data).toEqual([trade("a", "BTC", 2)]);
    await expect.poll(isStale).toBe(false);
    expect(statuses.has("pending") && statuses.has("error")).toBe(false);
  });

  it("does not let a late answer over HTTP replace newer rows of the stream", async () => {
    const server = await startTrades();
    const trades = server.tidemark.channel("trades");
    await trades.upsert(trade("a", "BTC", 1));
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const sockets: { fail(): void }[] = [];
    const client = createClient<{ trades: TypedChannel<Trade> }>({
      url: server.stream,
      carriers: ["websocket"],
      backoff: { firstMs: 200, delaysMs: [200] },
      WebSocket: class extends WebSocket {
        constructor(url: string) {
          super(url);
          sockets.push({ fail: () => this.terminate() });
        }
      } as never,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        const body = await response.text();
        await answered;
        return new Response(body, { status: response.status });
      },
    });
    const cache = new QueryClient();
    const observer = new QueryObserver(cache, liveQueryOptions(client, BTC));
    atEnd(() => {
      cache.clear();
      client.close();
    });
    let refetched: Promise<unknown> | undefined;
    // The stream may be back soon: the fetch has to happen while it is down.
    atEnd(
      observer.subscribe(({ data, isStale }) => {
        if (data !== undefined && isStale) refetched ??= observer.refetch();
      }),
    );
    await expect.poll(() => observer.getCurrentResult().data).toHaveLength(1);
    sockets.at(-1)?.fail();
    await expect.poll(() => refetched !== undefined).toBe(true);
    await trades.upsert(trade("a", "BTC", 3));
    await expect.poll(() => observer.getCurrentResult().data).toEqual([trade("a", "BTC", 3)]);
    answer();
    await refetched;
    expect(observer.getCurrentResult().data).toEqual([trade("a", "BTC", 3)]);
  });

  it("shows the page's own writes while the stream is down", async () => {
    const { client, cache, tidemark, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const observer = new QueryObserver(cache, { ...liveQueryOptions(client, BTC), retry: false });
    atEnd(observer.subscribe(() => {}));
    await expect.poll(() => observer.getCurrentResult().data).toHaveLength(1);
    await tidemark.stop();
    await expect.poll(() => client.connection.getSnapshot().state.kind).toBe("waiting");
    void client
      .write({
        run: () => new Promise(() => {}),
        optimistic: { channel: "trades", key: "a", set: { price: 9 } },
      })
      .catch(() => {});
    expect(observer.getCurrentResult().data).toEqual([trade("a", "BTC", 9)]);
  });

  it("fills from HTTP where the stream does not get through", async () => {
    const server = await startTrades();
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    // No carrier of a stream works; plain requests do.
    const client = createClient<{ trades: TypedChannel<Trade> }>({
      url: server.stream,
      carriers: ["websocket"],
      backoff: { firstMs: 10, delaysMs: [60_000] },
      WebSocket: Failing as never,
      fetch: (url, init) => fetch(url, init),
    });
    const cache = new QueryClient();
    atEnd(() => {
      cache.clear();
      client.close();
    });
    expect(await cache.fetchQuery(liveQueryOptions(client, BTC) as never)).toEqual([
      trade("a", "BTC", 1),
    ]);
  });

  it("is an error for a query that the server refuses", async () => {
    const { client, cache } = await serve();
    cache.setDefaultOptions({ queries: { retry: false } });
    await expect(
      cache.fetchQuery(
        liveQueryOptions(client, {
          channel: "trades",
          where: { column: "nope", eq: 1 },
        } as never) as never,
      ),
    ).rejects.toMatchObject({ code: "BAD_QUERY" });
  });
});

/** A socket that never opens. */
class Failing {
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onopen = null;
  onmessage = null;
  onerror = null;

  constructor() {
    queueMicrotask(() => this.onclose?.({ code: 1006, reason: "" }));
  }

  send(): void {}
  close(): void {}
}
