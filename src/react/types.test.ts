/** Types flow from a channel's declaration to a query's rows. Checked by the compiler; run for the rest. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { createClient } from "../client/node.ts";
import { channel } from "../index.ts";
import { useLiveQuery } from "./index.ts";

const channels = {
  trades: channel({ key: "id", row: z.object({ id: z.string(), price: z.number(), note: z.string().nullable() }) }),
  plain: channel({ key: "id" }),
};
const client = createClient<typeof channels>({ url: "ws://localhost:1/v2/stream" });

describe("types", () => {
  it("of rows come from the schema", () => {
    const view = client.live({ channel: "trades", where: { column: "price", gt: 5 }, order_by: [{ column: "price" }] });
    expectTypeOf(view.getSnapshot().rows[0]).toEqualTypeOf<{ id: string; price: number; note: string | null } | undefined>();
    expectTypeOf(useLiveQuery<typeof channels, "trades">).returns.toHaveProperty("rows").toEqualTypeOf<readonly { id: string; price: number; note: string | null }[]>();
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
