/** A mutation that sets the price of a trade, for tests of mutations. */
import { z } from "zod";
import { channel, mutation, MutationError } from "../../src/index.ts";
import { trade } from "./trades-server.ts";

interface Caller {
  readonly user: string;
}

/**
 * Options of a server with trades and mutations of them. `ran` lists what the handler ran, which
 * waits for `gate.open`.
 */
export function priceMutations() {
  const ran: string[] = [];
  const gate = { open: Promise.resolve() as Promise<unknown> };
  const input = z.object({ id: z.string(), price: z.number() });
  const row = ({ id }: { id: string }) => ({ channel: "trades", key: id });
  return {
    ran,
    gate,
    channels: {
      trades: channel<{ id: string; symbol: string; price: number }>({
        key: "id",
        columns: { id: "text", symbol: "text", price: "float" },
        policy: (identity) =>
          (identity as Caller).user === "eve" ? { column: "symbol", eq: "ETH" } : "all",
      }),
    },
    authenticate: (_request: unknown, auth: unknown) =>
      typeof (auth as Caller | undefined)?.user === "string" ? (auth as Caller) : null,
    mutations: {
      trades: {
        reprice: mutation({
          source: "memory",
          input,
          row,
          handler: async ({ input: { id, price }, caller, write }) => {
            ran.push(`${(caller as Caller).user} ${id} ${price}`);
            await gate.open;
            if (price < 0)
              throw new MutationError("NEGATIVE", "A price is not below 0.", {
                data: { least: 0 },
              });
            if (price === 13) throw new Error("secret detail of the server");
            write.upsert("trades", trade(id, "BTC", price));
            return price === 64 ? "x".repeat(70_000) : { id, at: price };
          },
        }),
        nothing: mutation({ source: "memory", input: z.object({}), handler: () => {} }),
      },
    },
  };
}
