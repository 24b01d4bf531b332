/**
 * Types flow from a channel's declaration to a query's rows. The compiler checks them; the few
 * runtime assertions run as tests.
 */
import { useMutation, useQuery } from "@tanstack/react-query";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { createClient } from "../client/node.ts";
import { channel, mutation } from "../index.ts";
import { createHooks, useLiveMutation, useLiveQuery as useUntypedQuery } from "./index.ts";
import { liveMutationOptions, liveQueryOptions } from "./tanstack-query.ts";

const channels = {
  trades: channel({
    key: "id",
    row: z.object({ id: z.string(), price: z.number(), note: z.string().nullable() }),
  }),
  plain: channel({ key: "id" }),
};
const mutations = {
  trades: {
    setPrice: mutation({
      input: z.object({ id: z.string(), price: z.number() }),
      handler: ({ input, tx }) =>
        tx.query("…", [input.price]).then(({ rowCount }) => ({ rowCount })),
    }),
    clear: mutation({
      source: "memory",
      input: z.object({}),
      handler: ({ write }) => write.remove("trades", "a"),
    }),
  },
};
const writer = createClient<typeof channels, typeof mutations>({
  url: "ws://localhost:1/v2/stream",
  optimistic: {
    trades: { setPrice: ({ id, price }) => ({ channel: "trades", key: id, set: { price } }) },
  },
});
const client = createClient<typeof channels>({ url: "ws://localhost:1/v2/stream" });

const { useLiveQuery, useSuspenseLiveQuery, useFreshness, useTidemarkClient } = createHooks<
  typeof channels,
  typeof mutations
>();
type Trade = { id: string; price: number; note: string | null };

/** Code for the compiler only: hooks do not run here. */
function checked(_check: () => void): void {}

describe("types", () => {
  it("of mutations come from their schemas and handlers", () => {
    expectTypeOf(writer.mutate.trades.setPrice)
      .parameter(0)
      .toEqualTypeOf<{ id: string; price: number }>();
    expectTypeOf(writer.mutate.trades.setPrice).returns.toEqualTypeOf<
      Promise<{ rowCount: number }>
    >();
    expectTypeOf(writer.mutate.trades.clear).returns.toEqualTypeOf<Promise<void>>();
    // @ts-expect-error no such mutation
    void (() => writer.mutate.trades.setPrize({ id: "a", price: 1 }));
    // @ts-expect-error a price is a number
    void (() => writer.mutate.trades.setPrice({ id: "a", price: "1" }));
    createClient<typeof channels, typeof mutations>({
      url: "ws://localhost:1/v2/stream",
      optimistic: {
        trades: {
          // @ts-expect-error an optimistic function gets the input
          setPrice: ({ name }) => ({ channel: "trades", key: name }),
        },
      },
    });
    const useSetPrice = () => useLiveMutation(useTidemarkClient().mutate.trades.setPrice);
    expectTypeOf(useSetPrice)
      .returns.toHaveProperty("data")
      .toEqualTypeOf<{ rowCount: number } | undefined>();
    expectTypeOf(useSetPrice)
      .returns.toHaveProperty("variables")
      .toEqualTypeOf<{ id: string; price: number } | undefined>();
    // @ts-expect-error a price is a number
    void (() => useSetPrice().mutate({ id: "a", price: "1" }));
    // @ts-expect-error no such mutation
    void (() => useLiveMutation(useTidemarkClient().mutate.trades.setPrize));
    expect(mutations.trades.setPrice.isMutation).toBe(true);
  });

  it("of rows come from the schema", () => {
    const view = client.live({
      channel: "trades",
      where: { column: "price", gt: 5 },
      orderBy: [{ column: "price" }],
    });
    expectTypeOf(view.getSnapshot().rows[0]).toEqualTypeOf<
      { id: string; price: number; note: string | null } | undefined
    >();
    expect(view.getSnapshot().status).toBe("loading");
  });

  it("refuse columns, operands and channels that do not exist", () => {
    // @ts-expect-error no such column
    client.live({ channel: "trades", where: { column: "prize", gt: 5 } });
    // @ts-expect-error a number column is not compared with a text
    client.live({ channel: "trades", where: { column: "price", gt: "5" } });
    // @ts-expect-error no such channel
    client.live({ channel: "nothing" });
    // @ts-expect-error the key must be a column of the row
    channel({ key: "nope", row: z.object({ id: z.string() }) });
    client.live({ channel: "plain", where: { column: "anything", eq: 1 } });
    expect(channels.trades.key).toEqual(["id"]);
  });

  it("flow through createHooks into queries that are written inline", () => {
    checked(() => {
      const { rows, status } = useLiveQuery({
        channel: "trades",
        where: {
          and: [
            { column: "price", gt: 5 },
            { column: "note", isNull: false },
          ],
        },
        orderBy: [{ column: "price", direction: "desc" }],
      });
      expectTypeOf(rows).toEqualTypeOf<readonly Trade[]>();
      expectTypeOf(status).toEqualTypeOf<
        "idle" | "loading" | "live" | "catching_up" | "stale" | "refused"
      >();
      expectTypeOf(useSuspenseLiveQuery({ channel: "trades" }).rows).toEqualTypeOf<
        readonly Trade[]
      >();
      // @ts-expect-error no such column
      useLiveQuery({ channel: "trades", where: { column: "prize", gt: 5 } });
      // @ts-expect-error a number column is not compared with a text
      useLiveQuery({ channel: "trades", where: { column: "price", gt: "5" } });
      // @ts-expect-error no such column to order by
      useLiveQuery({ channel: "trades", orderBy: [{ column: "prize" }] });
      // @ts-expect-error the wire's name
      useLiveQuery({ channel: "trades", order_by: [{ column: "price" }] });
      // @ts-expect-error no such channel
      useLiveQuery({ channel: "nothing" });
      // @ts-expect-error no such column
      useSuspenseLiveQuery({ channel: "trades", columns: ["prize"] });
      // @ts-expect-error a suspended query is never off
      useSuspenseLiveQuery(undefined);
      // @ts-expect-error no such column
      useFreshness({ channel: "trades", where: { column: "prize", gt: 5 } });
    });
    expect(useLiveQuery).toBe(useUntypedQuery);
  });

  it("flow through select, and a query may be off", () => {
    checked(() => {
      const count = useLiveQuery({ channel: "trades" }, { select: ({ rows }) => rows.length });
      expectTypeOf(count).toEqualTypeOf<number>();
      const prices = useLiveQuery(
        { channel: "trades" },
        {
          select: ({ rows }) => rows.map(({ price }) => price),
          isEqual: (a, b) => a.length === b.length,
        },
      );
      expectTypeOf(prices).toEqualTypeOf<number[]>();
      const id = "a" as string | undefined;
      const { rows } = useLiveQuery(
        id === undefined ? undefined : { channel: "trades", where: { column: "id", eq: id } },
      );
      expectTypeOf(rows).toEqualTypeOf<readonly Trade[]>();
      // @ts-expect-error rows have no such column
      useLiveQuery({ channel: "trades" }, { select: ({ rows: all }) => all[0]?.prize });
    });
  });

  it("come from the client that is passed, without createHooks", () => {
    checked(() => {
      const { rows } = useUntypedQuery({ channel: "trades" }, { client });
      expectTypeOf(rows).toEqualTypeOf<readonly Trade[]>();
      // @ts-expect-error no such column
      useUntypedQuery({ channel: "trades", where: { column: "prize", gt: 5 } }, { client });
      expectTypeOf(useUntypedQuery({ channel: "anything" }).rows[0]?.["column"]).not.toBeAny();
    });
  });

  it("flow inline into useQuery and useMutation of TanStack Query", () => {
    checked(() => {
      const { data } = useQuery(
        liveQueryOptions(client, { channel: "trades", where: { column: "price", gt: 5 } }),
      );
      expectTypeOf(data).toEqualTypeOf<readonly Trade[] | undefined>();
      const shaped = useQuery(
        liveQueryOptions(
          client,
          { channel: "trades" },
          { toData: (rows) => ({ results: rows, count: rows.length }) },
        ),
      );
      expectTypeOf(shaped.data).toEqualTypeOf<
        { results: readonly Trade[]; count: number } | undefined
      >();
      // @ts-expect-error no such column
      useQuery(liveQueryOptions(client, { channel: "trades", where: { column: "prize", gt: 5 } }));
      useQuery(
        // @ts-expect-error a number column is not compared with a text
        liveQueryOptions(client, { channel: "trades", where: { column: "price", gt: "5" } }),
      );
      const { mutate } = useMutation(liveMutationOptions(writer.mutate.trades.setPrice));
      mutate({ id: "a", price: 1 });
      // @ts-expect-error a price is a number
      mutate({ id: "a", price: "1" });
    });
  });
});
