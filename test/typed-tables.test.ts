/**
 * Types flow from a database's tables, printed or declared by schemas, to a page's rows. Checked by
 * the compiler; run for the rest.
 */
import { describe, expect, expectTypeOf, it } from "vitest";
import { channel } from "tidemark";
import { createClient } from "tidemark/client";
import { postgres, type JsonValue } from "tidemark/postgres";
import { createHooks } from "tidemark/react";
import { z } from "zod";
import { tables, type Kinds, type OrderItems2, type ShopOrders } from "./golden/tables.ts";

const address = "postgres://nobody@localhost:1/none";
const printed = postgres(address, { tables });
const declared = postgres(address, {
  tables: {
    orders: z.object({ id: z.number(), note: z.string().nullable() }),
    "public.customers": z.object({ name: z.string() }),
    "shop.items": z.object({ at: z.string().transform((text) => new Date(text)) }),
  },
});
const channels = { presence: channel({ key: "id", row: z.object({ id: z.string() }) }) };
const url = "ws://localhost:1/v2/stream";

describe("types of a database's tables", () => {
  it("reach a page's rows from the printed file", () => {
    const client = createClient<typeof printed.channels & typeof channels>({ url });
    const kinds = client.live({ channel: "kinds", where: { column: "m", eq: "glad" } });
    expectTypeOf(kinds.getSnapshot().rows).toEqualTypeOf<readonly Kinds[]>();
    expectTypeOf(kinds.getSnapshot().rows[0]?.j).toEqualTypeOf<JsonValue | undefined>();
    expectTypeOf(client.live({ channel: "order_items" }).getSnapshot().rows).toEqualTypeOf<
      readonly OrderItems2[]
    >();
    expectTypeOf(client.live({ channel: "shop.orders" }).getSnapshot().rows).toEqualTypeOf<
      readonly ShopOrders[]
    >();
    expectTypeOf(client.live({ channel: "presence" }).getSnapshot().rows).toEqualTypeOf<
      readonly { id: string }[]
    >();
    const { useLiveQuery } = createHooks<typeof printed.channels>();
    const useKinds = () => useLiveQuery({ channel: "kinds", where: { column: "m", eq: "glad" } });
    expectTypeOf(useKinds).returns.toHaveProperty("rows").toEqualTypeOf<readonly Kinds[]>();
    expect(Object.keys(printed.channels)).toEqual(Object.keys(tables));
  });

  it("need no source: the printed tables are channels to a client", () => {
    const client = createClient<typeof tables>({ url });
    expectTypeOf(client.live({ channel: "kinds" }).getSnapshot().rows).toEqualTypeOf<
      readonly Kinds[]
    >();
    expect(client.connection.getSnapshot().state.kind).toBe("idle");
  });

  it("refuse columns, labels and tables that do not exist", () => {
    const client = createClient<typeof printed.channels>({ url });
    // @ts-expect-error no such column
    client.live({ channel: "kinds", where: { column: "mod", eq: "glad" } });
    // @ts-expect-error no such label
    client.live({ channel: "kinds", where: { column: "m", eq: "angry" } });
    // @ts-expect-error a bigint travels as a string
    client.live({ channel: "kinds", where: { column: "id", eq: 1 } });
    // @ts-expect-error no such table
    client.live({ channel: "kind" });
    expect(printed.name).toBe("postgres");
  });

  it("come from schemas, as rows are served: before a schema transforms them", () => {
    const client = createClient<typeof declared.channels>({ url });
    expectTypeOf(client.live({ channel: "orders" }).getSnapshot().rows).toEqualTypeOf<
      readonly { id: number; note: string | null }[]
    >();
    expectTypeOf(client.live({ channel: "shop.items" }).getSnapshot().rows).toEqualTypeOf<
      readonly { at: string }[]
    >();
    // A table of the schema public is a channel without its name.
    expectTypeOf<keyof typeof declared.channels>().toEqualTypeOf<
      "orders" | "customers" | "shop.items"
    >();
    expect(Object.keys(declared.channels)).toEqual(["orders", "customers", "shop.items"]);
  });

  it("are any row's where tables are only named", () => {
    const named = postgres(address, { tables: ["orders"] });
    const client = createClient<typeof named.channels>({ url });
    expectTypeOf(client.live({ channel: "orders" }).getSnapshot().rows[0]?.["id"]).toEqualTypeOf<
      JsonValue | undefined
    >();
    expect(named.channels).toEqual({});
  });

  it("refuse two names of one channel", () => {
    expect(() =>
      // @ts-expect-error two tables of one channel
      postgres(address, { tables: { orders: z.object({}), "public.orders": 1 } }),
    ).toThrow('tables declares "orders" twice');
  });
});
