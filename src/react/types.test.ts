/** Types flow from a channel's declaration to a query's rows. Checked by the compiler; run for the rest. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { createClient } from "../client/node.ts";
import { channel, mutation } from "../index.ts";
import { useLiveMutation, useLiveQuery } from "./index.ts";

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
    expectTypeOf(useLiveMutation<{ id: string; price: number }, { rowCount: number }>)
      .returns.toHaveProperty("data")
      .toEqualTypeOf<{ rowCount: number } | undefined>();
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
    expectTypeOf(useLiveQuery<typeof channels, "trades">)
      .returns.toHaveProperty("rows")
      .toEqualTypeOf<readonly { id: string; price: number; note: string | null }[]>();
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
});
