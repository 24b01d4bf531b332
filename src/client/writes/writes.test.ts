/**
 * Writes of a page against a real server in this process: offline, full, over every carrier, on
 * several views.
 */
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  startTrades,
  stopAll,
  atEnd,
  trade,
  type Trade,
} from "../../../test/support/trades-server.ts";
import { channel, mutation, MutationError } from "../../index.ts";
import {
  createClient,
  type CarrierName,
  type ClientOptions,
  type OptimisticOption,
  type TypedChannel,
} from "../node.ts";
import { CLIENT_LIMITS } from "../limits.ts";

afterEach(stopAll);

const channels = {
  trades: channel<Trade>({ key: "id", columns: { id: "text", symbol: "text", price: "float" } }),
};
const gate = { open: Promise.resolve() as Promise<unknown> };
const mutations = {
  trades: {
    put: mutation({
      source: "memory",
      input: z.object({ id: z.string(), symbol: z.string(), price: z.number() }),
      handler: async ({ input, write }) => {
        await gate.open;
        if (input.price < 0) throw new MutationError("NEGATIVE", "A price is not below 0.");
        write.upsert("trades", input);
        return input.price * 2;
      },
    }),
  },
};
type M = typeof mutations;
const optimistic: OptimisticOption<M> = {
  optimistic: {
    trades: { put: (row) => ({ channel: "trades", key: row.id, insert: { ...row } }) },
  },
};

async function serve(options: Partial<ClientOptions> = {}) {
  const server = await startTrades({ channels, mutations });
  const client = createClient<{ trades: TypedChannel<Trade> }, M>({
    url: server.stream,
    backoff: { firstMs: 20, delaysMs: [20, 40] },
    pollIntervalMs: 30,
    ...optimistic,
    ...options,
  });
  atEnd(() => client.close());
  return { ...server, client };
}

function shut(): () => void {
  let open = (): void => {};
  gate.open = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    gate.open = Promise.resolve();
    open();
  };
}

describe("client.mutate", () => {
  it("shows what is expected at once, in every view it belongs to, and resolves when the rows hold it", async () => {
    const { client } = await serve();
    const [all, cheap, top] = [
      client.live({ channel: "trades" }),
      client.live({ channel: "trades", where: { column: "price", lt: 10 } }),
      client.live({
        channel: "trades",
        orderBy: [{ column: "price", direction: "desc" }],
        limit: 1,
      }),
    ];
    for (const view of [all, cheap, top]) view.subscribe(() => {});
    await expect
      .poll(() => [all, cheap, top].map((view) => view.getSnapshot().status))
      .toEqual(["live", "live", "live"]);
    await client.mutate.trades.put(trade("a", "BTC", 5));
    const open = shut();
    const written = client.mutate.trades.put(trade("b", "ETH", 50));
    expect([all, cheap, top].map((view) => view.getSnapshot().keys)).toEqual([
      ["a", "b"],
      ["a"],
      ["b"],
    ]);
    expect(all.getSnapshot().isPending("b")).toBe(true);
    expect(client.pendingWrites.getSnapshot()).toMatchObject([
      { name: "trades.put", phase: "sent" },
    ]);
    open();
    expect(await written).toBe(100);
    expect([all.getSnapshot().isPending("b"), client.pendingWrites.getSnapshot()]).toEqual([
      false,
      [],
    ]);
    expect(top.getSnapshot().keys).toEqual(["b"]);
  });

  it("is not sent on the condition of a view that has not loaded", async () => {
    const { client } = await serve();
    const view = client.live({ channel: "trades" });
    await expect(
      client.mutate.trades.put(trade("a", "BTC", 5), { expectedSeq: view.getSnapshot().seq }),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect([view.getSnapshot().keys, client.pendingWrites.getSnapshot()]).toEqual([[], []]);
  });

  it("removes the patch of a refused write, and rejects with the error's code", async () => {
    const { client } = await serve();
    const view = client.live({ channel: "trades" });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    const written = client.mutate.trades.put(trade("a", "BTC", -1));
    expect(view.getSnapshot().keys).toEqual(["a"]);
    await expect(written).rejects.toMatchObject({ name: "MutationError", code: "NEGATIVE" });
    expect(view.getSnapshot().keys).toEqual([]);
    // The server refuses names that the page does not know.
    await expect(
      (client.mutate as unknown as { x: { y: (input: unknown) => Promise<unknown> } }).x.y({}),
    ).rejects.toMatchObject({ code: "UNKNOWN_MUTATION" });
  });

  it.each<readonly CarrierName[]>([["websocket"], ["sse"], ["long-poll"], ["poll"]])(
    "works over %s, also for rows that the page's views do not show",
    async (carrier) => {
      const { client } = await serve({ carriers: [carrier] });
      const view = client.live({ channel: "trades", where: { column: "symbol", eq: "BTC" } });
      view.subscribe(() => {});
      await expect.poll(() => view.getSnapshot().status).toBe("live");
      expect(await client.mutate.trades.put(trade("a", "BTC", 1))).toBe(2);
      expect(view.row("a")).toEqual(trade("a", "BTC", 1));
      const beganMs = performance.now();
      expect(await client.mutate.trades.put(trade("b", "ETH", 2))).toBe(4);
      expect(performance.now() - beganMs).toBeLessThan(3_000);
      await expect(client.mutate.trades.put(trade("c", "BTC", -1))).rejects.toMatchObject({
        code: "NEGATIVE",
      });
      expect(view.getSnapshot().keys).toEqual(["a"]);
    },
  );

  it("shows offline writes as pending, and sends them in order when the connection is back", async () => {
    const first = await serve();
    const { client } = first;
    const view = client.live({ channel: "trades" });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    const { port } = new URL(first.url);
    await first.tidemark.stop();
    await expect.poll(() => view.getSnapshot().status).toBe("stale");
    const written = [1, 2, 3].map((price) => client.mutate.trades.put(trade("a", "BTC", price)));
    expect([
      view.row("a"),
      view.getSnapshot().isPending("a"),
      client.pendingWrites.getSnapshot().length,
    ]).toEqual([trade("a", "BTC", 3), true, 3]);
    const { createTidemark } = await import("../../index.ts");
    const { silent } = await import("../../../test/support/silent.ts");
    const again = createTidemark({ channels, mutations, logger: silent });
    atEnd(() => again.stop());
    await again.listen({ port: Number(port) });
    expect(await Promise.all(written)).toEqual([2, 4, 6]);
    expect([view.row("a"), view.getSnapshot().isPending("a")]).toEqual([
      trade("a", "BTC", 3),
      false,
    ]);
  });

  it("is bounded: a write beyond the bound is not made, and rejects with the reason", async () => {
    const { client } = await serve({ url: "ws://127.0.0.1:1/v2/stream" });
    const written = Array.from({ length: CLIENT_LIMITS.pendingWritesMax + 1 }, (_, index) =>
      client.mutate.trades.put(trade(`t${index}`, "BTC", 1)),
    );
    await expect(written.at(-1)).rejects.toMatchObject({ code: "TOO_MANY_MUTATIONS" });
    expect(client.pendingWrites.getSnapshot()).toHaveLength(CLIENT_LIMITS.pendingWritesMax);
    // An endpoint is not called either.
    let wasCalled = false;
    await expect(
      client.write({
        run: () => {
          wasCalled = true;
          return Promise.resolve({});
        },
      }),
    ).rejects.toMatchObject({ code: "TOO_MANY_MUTATIONS" });
    expect(wasCalled).toBe(false);
    await expect(
      client.mutate.trades.put(trade("x".repeat(70_000), "BTC", 1)),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
    const ends = Promise.allSettled(written);
    client.close();
    expect(
      new Set(
        (await ends)
          .slice(0, -1)
          .map((end) => (end.status === "rejected" ? (end.reason as { code: string }).code : "")),
      ),
    ).toEqual(new Set(["STOPPED"]));
    await expect(client.mutate.trades.put(trade("late", "BTC", 1))).rejects.toMatchObject({
      code: "STOPPED",
    });
  });

  it("sends waiting writes when earlier ones were refused", async () => {
    const { client } = await serve();
    const written = Array.from({ length: 80 }, (_, index) =>
      client.mutate.trades.put(trade(`t${index}`, "BTC", index < 60 ? -1 : 1)),
    );
    const ends = await Promise.allSettled(written);
    expect([
      ends.filter(({ status }) => status === "rejected").length,
      client.pendingWrites.getSnapshot(),
    ]).toEqual([60, []]);
  });

  it("continues when a listener for rows throws", async () => {
    const { client } = await serve();
    const thrown: unknown[] = [];
    const onThrown = (error: unknown): void => void thrown.push(error);
    process.on("uncaughtException", onThrown);
    atEnd(() => process.off("uncaughtException", onThrown));
    const view = client.live({ channel: "trades" });
    view.subscribe(() => {});
    view.subscribeChanges(({ upserts }) => {
      if (upserts.length > 0) throw new Error("not mine");
    });
    for (const price of [1, 2]) await client.mutate.trades.put(trade("a", "BTC", price));
    expect(view.row("a")).toEqual(trade("a", "BTC", 2));
    expect(thrown.map(String)).toEqual(["Error: not mine", "Error: not mine"]);
  });

  it.each<readonly CarrierName[]>([["websocket"], ["long-poll"], ["poll"]])(
    "resolves without any view over %s, and is neither a promise nor JSON itself",
    async (carrier) => {
      const { client } = await serve({ carriers: [carrier] });
      client.connect();
      expect(await client.mutate.trades.put(trade("a", "BTC", 4))).toBe(8);
      const { mutate } = client;
      expect([await Promise.resolve(mutate), await Promise.resolve(mutate.trades)]).toHaveLength(2);
      const bound = mutate.trades.put.bind(undefined) as unknown as typeof mutate.trades.put;
      expect(await bound(trade("a", "BTC", 5))).toBe(10);
      expect(JSON.stringify({ mutate })).toBe("{}");
      expect(client.pendingWrites.getSnapshot()).toEqual([]);
    },
  );
});

describe("client.write", () => {
  it("removes its patch when the endpoint fails or its answer names no transaction", async () => {
    const { client } = await serve();
    const view = client.live({ channel: "trades" });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    const patch = { channel: "trades", key: "a", insert: { ...trade("a", "BTC", 1) } };
    const failed = client.write({ optimistic: patch, run: () => Promise.reject(new Error("503")) });
    expect(view.getSnapshot().keys).toEqual(["a"]);
    await expect(failed).rejects.toThrow("503");
    expect(view.getSnapshot().keys).toEqual([]);
    expect(
      await client.write({ optimistic: patch, run: () => Promise.resolve({ ok: true }) }),
    ).toEqual({ ok: true });
    await expect(
      client.write({ run: () => Promise.resolve({ txid: "nowhere:1" }) }),
    ).rejects.toMatchObject({ code: "UNKNOWN_POSITION" });
  });
});

describe("client.fetch", () => {
  it("rejects with the server's error", async () => {
    const { client, tidemark } = await serve();
    await tidemark.stop();
    const refusing = createClient({
      url: "ws://localhost:1/v2/stream",
      fetch: () =>
        Promise.resolve(
          new Response('{"code":"FORBIDDEN_ORIGIN","message":"Not from here.","retryable":false}', {
            status: 403,
          }),
        ),
    });
    const failing = createClient({
      url: "ws://localhost:1/v2/stream",
      fetch: () => Promise.resolve(new Response("<html>bad gateway</html>", { status: 502 })),
    });
    for (const other of [refusing, failing]) atEnd(() => other.close());
    await expect(refusing.fetch({ channel: "trades" })).rejects.toMatchObject({
      code: "FORBIDDEN_ORIGIN",
      retryable: false,
    });
    await expect(failing.fetch({ channel: "trades" })).rejects.toMatchObject({ code: "STOPPED" });
    await expect(client.fetch({ channel: "trades" })).rejects.toMatchObject({ code: "STOPPED" });
  });

  it("answers a query with the changes after a reused snapshot", async () => {
    const { client, tidemark } = await serve();
    const trades = tidemark.channel("trades");
    const seqIs = (seq: number) => expect.poll(() => tidemark.stats()["seq"]).toBe(seq);
    await trades.upsert([trade("a", "BTC", 1), trade("b", "BTC", 1)]);
    await seqIs(2);
    await client.fetch({ channel: "trades" });
    // Within `snapshotReuseMs`.
    await trades.upsert([trade("a", "BTC", 2), trade("c", "BTC", 2)]);
    await trades.remove("b");
    await seqIs(4);
    expect(await client.fetch({ channel: "trades" })).toMatchObject({
      rows: [trade("a", "BTC", 2), trade("c", "BTC", 2)],
      seq: 4,
    });
  });

  it("answers a query once, in its order, or rejects with the reason", async () => {
    const { client, tidemark } = await serve();
    await tidemark
      .channel("trades")
      .upsert([trade("a", "BTC", 1), trade("b", "BTC", 3), trade("c", "ETH", 2)]);
    await expect.poll(() => tidemark.stats()["seq"]).toBe(2);
    expect(
      await client.fetch({
        channel: "trades",
        where: { column: "symbol", eq: "BTC" },
        orderBy: [{ column: "price", direction: "desc" }],
      }),
    ).toMatchObject({ rows: [trade("b", "BTC", 3), trade("a", "BTC", 1)], seq: 2 });
    await expect(client.fetch({ channel: "nothing" } as never)).rejects.toMatchObject({
      code: "UNKNOWN_CHANNEL",
    });
  });
});
