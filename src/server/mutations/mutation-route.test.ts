/** Mutations over HTTP (M7), and the names that they may have. */
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { priceMutations } from "../../../test/support/price-mutations.ts";
import { startTrades as start, stopAll, trade } from "../../../test/support/trades-server.ts";
import { createTidemark, mutation } from "../../index.ts";

afterEach(stopAll);

describe("mutation()", () => {
  it.each(["a b", "then", "call", "name", ""])("refuses a name like %j", (name) => {
    const nothing = mutation({ source: "memory", input: z.object({}), handler: () => {} });
    expect(() => createTidemark({ mutations: { group: { [name]: nothing } } })).toThrow(
      "can't be called",
    );
  });
});

describe("POST /v2/mutations", () => {
  it("answers when the tables hold the write, and refuses with a status and a code (M7)", async () => {
    const server = await start(priceMutations());
    const post = async (name: string, body: unknown) => {
      const response = await fetch(`${server.url}/v2/mutations/${name}`, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: response.status, ...((await response.json()) as object) };
    };
    const auth = { user: "ana" };
    const write = { mutation_id: "mutation-1", input: { id: "a", price: 5 }, auth };
    expect(await post("trades.reprice", write)).toMatchObject({
      status: 200,
      mutation_id: "mutation-1",
      seq: 2,
      value: { id: "a", at: 5 },
    });
    expect(await post("trades.reprice", write)).toMatchObject({ status: 200, seq: 2 });
    expect(await post("trades.reprice", { ...write, input: { id: "a", price: 6 } })).toMatchObject({
      status: 409,
      code: "MUTATION_CONFLICT",
      retryable: false,
    });
    expect(await post("trades.reprice", { input: { id: "a", price: -1 }, auth })).toMatchObject({
      status: 400,
      code: "NEGATIVE",
      data: { least: 0 },
    });
    expect(
      await post("trades.reprice", { input: { id: "a", price: 7 }, expected_seq: 1, auth }),
    ).toMatchObject({ status: 409, code: "STALE_WRITE", row: trade("a", "BTC", 5) });
    expect(await post("nothing", { input: {}, auth })).toMatchObject({
      status: 404,
      code: "UNKNOWN_MUTATION",
    });
    expect(await post("trades.reprice", { input: { id: "a", price: 5 } })).toMatchObject({
      status: 401,
      code: "UNAUTHENTICATED",
    });
    for (const body of ["", "[]", "{", "null"])
      expect(await post("trades.reprice", body)).toMatchObject({
        status: 400,
        code: "BAD_MESSAGE",
      });
  });
});
