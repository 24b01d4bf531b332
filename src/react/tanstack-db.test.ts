/**
 * A channel as a collection of TanStack DB: the library's contract for a sync, live queries,
 * joins, optimistic transactions.
 */
import { createCollection, createLiveQueryCollection, eq } from "@tanstack/db";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  atEnd,
  startTrades,
  stopAll,
  trade,
  type Trade,
} from "../../test/support/trades-server.ts";
import { channel, mutation, MutationError } from "../index.ts";
import { createClient, type TypedChannel } from "../client/node.ts";
import { tidemarkCollectionOptions } from "./tanstack-db.ts";

afterEach(stopAll);

interface Note {
  readonly id: string;
  readonly trade_id: string;
  readonly text: string;
}
const channels = {
  trades: channel<Trade>({ key: "id", columns: { id: "text", symbol: "text", price: "float" } }),
  notes: channel<Note>({ key: "id" }),
};
const mutations = {
  put: mutation({
    source: "memory",
    input: z.object({ id: z.string(), symbol: z.string(), price: z.number() }),
    handler: ({ input, write }) => {
      if (input.price < 0) throw new MutationError("NEGATIVE", "not below 0");
      write.upsert("trades", input);
    },
  }),
  drop: mutation({
    source: "memory",
    input: z.object({ id: z.string() }),
    handler: ({ input, write }) => write.remove("trades", input.id),
  }),
};

async function serve() {
  const { tidemark, stream } = await startTrades({ channels, mutations });
  const client = createClient<
    { trades: TypedChannel<Trade>; notes: TypedChannel<Note> },
    typeof mutations
  >({ url: stream, lingerMs: 10, backoff: { firstMs: 20, delaysMs: [20] } });
  atEnd(() => client.close());
  const trades = createCollection(
    tidemarkCollectionOptions({
      client,
      query: { channel: "trades" },
      getKey: (row) => row.id,
      onInsert: ({ transaction }) =>
        Promise.all(
          transaction.mutations.map(({ modified }) => client.mutate.put({ ...modified })),
        ),
      onUpdate: ({ transaction }) =>
        Promise.all(
          transaction.mutations.map(({ modified }) => client.mutate.put({ ...modified })),
        ),
      onDelete: ({ transaction }) =>
        Promise.all(
          transaction.mutations.map(({ key }) => client.mutate.drop({ id: String(key) })),
        ),
    }),
  );
  const notes = createCollection(
    tidemarkCollectionOptions({ client, query: { channel: "notes" }, getKey: (row) => row.id }),
  );
  const feed = tidemark as unknown as {
    channel(name: string): {
      upsert(rows: unknown): Promise<number>;
      remove(key: string): Promise<number>;
      size: number;
    };
    stats(): { subscriptions?: number };
  };
  return { tidemark: feed, client, trades, notes };
}

const plain = (rows: readonly object[]): unknown[] =>
  rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("$"))),
  );

describe("a tidemark collection", () => {
  it("is ready with the first snapshot and not before, an empty one too, and follows inserts, updates and deletes", async () => {
    const { tidemark, trades, notes } = await serve();
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    expect(trades.status).toBe("idle");
    await Promise.all([trades.preload(), notes.preload()]);
    expect([trades.status, trades.size, notes.status, notes.size]).toEqual([
      "ready",
      2,
      "ready",
      0,
    ]);
    const changes: string[] = [];
    const subscription = trades.subscribeChanges(
      (batch) => changes.push(...batch.map(({ type, key }) => `${type} ${String(key)}`)),
      { includeInitialState: true },
    );
    await tidemark.channel("trades").upsert([trade("b", "ETH", 3), trade("c", "SOL", 4)]);
    await expect.poll(() => trades.size).toBe(3);
    await tidemark.channel("trades").remove("a");
    await expect.poll(() => trades.has("a")).toBe(false);
    expect(changes.slice(-3)).toEqual(["update b", "insert c", "delete a"]);
    subscription.unsubscribe();
  });

  it("feeds live queries and joins", async () => {
    const { tidemark, trades, notes } = await serve();
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const joined = createLiveQueryCollection((q) =>
      q
        .from({ trade: trades })
        .join({ note: notes }, ({ trade: left, note }) => eq(left.id, note.trade_id), "inner")
        .select(({ trade: left, note }) => ({ id: left.id, price: left.price, text: note?.text })),
    );
    await joined.preload();
    expect(joined.size).toBe(0);
    await tidemark.channel("notes").upsert({ id: "n1", trade_id: "b", text: "look" });
    await expect.poll(() => plain(joined.toArray)).toEqual([{ id: "b", price: 2, text: "look" }]);
    await tidemark.channel("trades").upsert(trade("b", "ETH", 9));
    await expect.poll(() => plain(joined.toArray)).toEqual([{ id: "b", price: 9, text: "look" }]);
  });

  it("shows optimistic transactions at once, and replaces them by the server's rows without a gap", async () => {
    const { tidemark, trades } = await serve();
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await trades.preload();
    const seen: (number | undefined)[] = [];
    const subscription = trades.subscribeChanges(() => seen.push(trades.get("a")?.price));
    const update = trades.update("a", (draft) => {
      (draft as { price: number }).price = 5;
    });
    expect(trades.get("a")?.price).toBe(5);
    await update.isPersisted.promise;
    expect([trades.get("a")?.price, tidemark.channel("trades").size]).toEqual([5, 1]);
    expect(seen.every((price) => price === 5)).toBe(true);
    const insert = trades.insert(trade("mine", "SOL", 2));
    expect(trades.has("mine")).toBe(true);
    await insert.isPersisted.promise;
    expect(plain([trades.get("mine") ?? {}])).toEqual([trade("mine", "SOL", 2)]);
    await trades.delete("a").isPersisted.promise;
    expect(trades.has("a")).toBe(false);
    subscription.unsubscribe();
  });

  it("removes the changes that the server refused", async () => {
    const { tidemark, trades } = await serve();
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await trades.preload();
    const update = trades.update("a", (draft) => {
      (draft as { price: number }).price = -5;
    });
    await expect(update.isPersisted.promise).rejects.toMatchObject({ code: "NEGATIVE" });
    expect(trades.get("a")?.price).toBe(1);
  });

  it("ends its subscription when it is cleaned up, and starts again from nothing", async () => {
    const { tidemark, trades } = await serve();
    await tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    await trades.preload();
    await trades.cleanup();
    await expect.poll(() => tidemark.stats().subscriptions).toBe(0);
    await tidemark.channel("trades").upsert(trade("b", "BTC", 2));
    await trades.preload();
    await expect.poll(() => trades.size).toBe(2);
  });
});
