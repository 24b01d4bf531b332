/** MUTATE and MUTATION_RESULT over the socket, in literal frames by rule number (M1–M6). */
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { priceMutations } from "../../../test/support/price-mutations.ts";
import { startTrades as start, stopAll, trade } from "../../../test/support/trades-server.ts";
import type { WireClient } from "../../../test/support/wire-client.ts";
import { mutation, TidemarkError, type Source, type Writer } from "../../index.ts";

afterEach(stopAll);

async function opened(
  server: Awaited<ReturnType<typeof start>>,
  subscriptions: readonly unknown[] = ["trades"],
  user = "ana",
): Promise<WireClient> {
  const client = server.connect();
  await client.next({ op: "HELLO" });
  client.send({ op: "IDENTIFY", auth: { user }, subscriptions });
  await client.next({ type: "WATERMARK" });
  return client;
}

const mutate = (id: string, input: unknown, fields: object = {}) => ({
  op: "MUTATE",
  mutation_id: `mutation-${id}`,
  name: "trades.reprice",
  input,
  ...fields,
});
const resultOf = (client: WireClient, id: string, from = 0) =>
  client.next({ type: "MUTATION_RESULT", mutation_id: `mutation-${id}` }, from);

describe("MUTATE", () => {
  it("answers in the turn that holds the write: after its rows, before its watermark (M1, M3)", async () => {
    const server = await start(priceMutations());
    const client = await opened(server);
    const from = client.frameCount;
    client.send(mutate("1", { id: "a", price: 5 }));
    const result = await resultOf(client, "1");
    await client.next({ type: "WATERMARK", seq: result["seq"] }, from);
    expect(result).toMatchObject({ seq: 2, value: { id: "a", at: 5 } });
    expect(client.frames.slice(from).map(({ type }) => type)).toEqual([
      "DELTA_BATCH",
      "MUTATION_RESULT",
      "WATERMARK",
    ]);
  });

  it("resolves a write that changes nothing, and one whose rows the caller may not see (M3)", async () => {
    const server = await start(priceMutations());
    const client = await opened(server, ["trades"], "eve");
    client.send({ op: "MUTATE", mutation_id: "mutation-0", name: "trades.nothing", input: {} });
    expect(await resultOf(client, "0")).toMatchObject({ seq: 2 });
    client.send(mutate("1", { id: "a", price: 5 }));
    expect(await resultOf(client, "1")).toMatchObject({ seq: 3 });
    expect(client.frames.some(({ type }) => type === "DELTA_BATCH")).toBe(false);
  });

  it("runs a session's mutations in order, one after another (M1)", async () => {
    const own = priceMutations();
    const server = await start(own);
    const client = await opened(server);
    let open = (): void => {};
    own.gate.open = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const index of [1, 2, 3]) client.send(mutate(String(index), { id: "a", price: index }));
    await expect.poll(() => own.ran).toEqual(["ana a 1"]);
    open();
    await resultOf(client, "3");
    expect(own.ran).toEqual(["ana a 1", "ana a 2", "ana a 3"]);
    expect(
      client.frames
        .filter(({ type }) => type === "MUTATION_RESULT")
        .map(({ mutation_id }) => mutation_id),
    ).toEqual(["mutation-1", "mutation-2", "mutation-3"]);
  });

  it("runs one id once, on any connection, and gives the same answer; another input under it is refused (M2)", async () => {
    const own = priceMutations();
    const server = await start(own);
    const [first, second] = [await opened(server), await opened(server)];
    first.send(mutate("1", { id: "a", price: 5 }));
    await resultOf(first, "1");
    for (const client of [first, second]) {
      const from = client.frameCount;
      client.send(mutate("1", { id: "a", price: 5 }));
      expect(await resultOf(client, "1", from)).toMatchObject({ value: { id: "a", at: 5 } });
    }
    const from = second.frameCount;
    second.send(mutate("1", { id: "a", price: 6 }));
    expect(await resultOf(second, "1", from)).toMatchObject({
      error: { code: "MUTATION_CONFLICT" },
    });
    expect(own.ran).toEqual(["ana a 5"]);
  });

  it("answers a refusal with the application's own code, and remembers it (M2, M4)", async () => {
    const own = priceMutations();
    const server = await start(own);
    const client = await opened(server);
    const failures: readonly (readonly [string, unknown, object])[] = [
      [
        "1",
        { id: "a", price: -1 },
        { code: "NEGATIVE", message: "A price is not below 0.", data: { least: 0 } },
      ],
      ["2", { id: "a", price: "5" }, { code: "BAD_INPUT" }],
      // The client does not get the text of an internal error.
      ["5", { id: "a", price: 64 }, { code: "MUTATION_FAILED" }],
      [
        "3",
        { id: "a", price: 13 },
        { code: "MUTATION_FAILED", message: "The server could not do this. Nothing was written." },
      ],
    ];
    for (const [id, input, error] of failures) {
      client.send(mutate(id, input));
      expect((await resultOf(client, id))["error"]).toMatchObject(error);
    }
    client.send({ op: "MUTATE", mutation_id: "mutation-4", name: "trades.constructor", input: {} });
    expect((await resultOf(client, "4"))["error"]).toMatchObject({ code: "UNKNOWN_MUTATION" });
    const from = client.frameCount;
    client.send(mutate("1", { id: "a", price: -1 }));
    expect((await resultOf(client, "1", from))["error"]).toMatchObject({ code: "NEGATIVE" });
    expect(own.ran.filter((line) => line.endsWith("-1"))).toHaveLength(1);
    expect(server.tidemark.channel("trades").size).toBe(0);
  });

  it("refuses a stale write with the present row, for callers that may see it (M5)", async () => {
    const server = await start(priceMutations());
    const trades = server.tidemark.channel("trades");
    const [ana, eve] = [await opened(server), await opened(server, ["trades"], "eve")];
    await trades.upsert(trade("a", "BTC", 1));
    await trades.upsert(trade("a", "BTC", 2));
    for (const [client, id, row] of [
      [ana, "1", trade("a", "BTC", 2)],
      [eve, "2", null],
    ] as const) {
      client.send(mutate(id, { id: "a", price: 9 }, { expected_seq: 2 }));
      expect((await resultOf(client, id))["error"]).toMatchObject({ code: "STALE_WRITE", row });
    }
    ana.send(mutate("3", { id: "a", price: 9 }, { expected_seq: 3 }));
    expect(await resultOf(ana, "3")).toMatchObject({ seq: 4 });
    // A session's own write is no conflict, whatever its seq.
    ana.send(mutate("4", { id: "a", price: 10 }, { expected_seq: 3 }));
    expect(await resultOf(ana, "4")).toMatchObject({ seq: 5 });
    // A seq of another epoch never makes a write stale.
    eve.send(mutate("5", { id: "a", price: 9 }, { expected_seq: 10, epoch: "elsewhere" }));
    expect((await resultOf(eve, "5"))["error"]).toMatchObject({ code: "STALE_WRITE" });
    // The row is gone.
    await trades.remove("a");
    eve.send(mutate("6", { id: "a", price: 9 }, { expected_seq: 5 }));
    expect((await resultOf(eve, "6"))["error"]).toMatchObject({ code: "STALE_WRITE", row: null });
  });

  it("bounds the unanswered mutations (M1)", async () => {
    const own = priceMutations();
    const server = await start({ ...own, limits: { server: { mutationsPerSessionMax: 2 } } });
    const client = await opened(server);
    let open = (): void => {};
    own.gate.open = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const id of ["1", "2", "3"]) client.send(mutate(id, { id: "a", price: Number(id) }));
    expect((await resultOf(client, "3"))["error"]).toMatchObject({ code: "TOO_MANY_MUTATIONS" });
    open();
    expect(await resultOf(client, "2")).toMatchObject({ seq: 3 });
  });

  it("runs no mutation that was sent under revoked rights (S4)", async () => {
    const own = priceMutations();
    const server = await start(own);
    const client = await opened(server);
    let open = (): void => {};
    own.gate.open = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const id of ["1", "2"]) client.send(mutate(id, { id: "a", price: Number(id) }));
    await expect.poll(() => own.ran).toHaveLength(1);
    server.tidemark.revoke({ user: "ana" });
    await client.next({ op: "INVALID_SESSION" });
    open();
    const from = client.frameCount;
    client.send({ op: "IDENTIFY", auth: { user: "eve" } });
    await client.next({ type: "READY" }, from);
    client.send(mutate("3", { id: "b", price: 3 }));
    await resultOf(client, "3");
    expect(own.ran).toEqual(["ana a 1", "eve b 3"]);
  });

  it("runs no mutation after one that failed when its client had gone: the client sends them again, in order (M1)", async () => {
    const own = priceMutations();
    let attempts = 0;
    let fail = (): void => {};
    const failure = new Promise<never>((_, reject) => {
      fail = () => reject(new TidemarkError("SOURCE_DOWN", "not now"));
    });
    const mutations = {
      put: mutation({
        input: z.object({ n: z.number() }),
        handler: ({ input }) => void own.ran.push(String(input.n)),
      }),
    };
    // A database that fails at the first write, after the client has gone.
    const writer: Writer = {
      run: async ({ run }) => {
        if (++attempts === 1) await failure;
        await run({ tx: { query: () => Promise.reject(new Error("no SQL here")) } });
        return { kind: "written", write: "1", value: undefined };
      },
      covers: () => () => true,
      isWrite: () => true,
      txid: () => Promise.resolve("1"),
    };
    const source: Source = {
      name: "database",
      writer,
      start: async (context) => void (await context.append({ changes: [], sourcePosition: "1" })),
      stop: () => Promise.resolve(),
    };
    const server = await start({
      ...own,
      mutations: { ...own.mutations, ...mutations },
      sources: [source],
    });
    const put = (n: number) => ({
      op: "MUTATE",
      mutation_id: `mutation-${n}`,
      name: "put",
      input: { n },
    });
    const first = await opened(server);
    for (const n of [1, 2]) first.send(put(n));
    await expect.poll(() => attempts).toBe(1);
    first.close();
    await expect
      .poll(() => first.closed !== undefined && server.tidemark.stats()["sessions"])
      .toBe(0);
    fail();
    const second = await opened(server);
    for (const n of [1, 2, 3]) second.send(put(n));
    await resultOf(second, "3");
    expect(own.ran).toEqual(["1", "2", "3"]);
  });

  it("answers no mutation that was sent under revoked rights, and sends no results of it (S4)", async () => {
    const own = priceMutations();
    const server = await start(own);
    const client = await opened(server);
    let open = (): void => {};
    own.gate.open = new Promise<void>((resolve) => {
      open = resolve;
    });
    client.send(mutate("1", { id: "a", price: -1 }));
    client.send(mutate("2", { id: "a", price: 2 }));
    await expect.poll(() => own.ran).toHaveLength(1);
    server.tidemark.revoke({ user: "ana" });
    const from = client.frameCount;
    client.send({ op: "IDENTIFY", auth: { user: "ana" } });
    await client.next({ type: "READY" }, from);
    open();
    client.send({ op: "MUTATE", mutation_id: "mutation-3", name: "trades.nothing", input: {} });
    await resultOf(client, "3");
    expect(
      client.frames
        .slice(from)
        .filter(({ type }) => type === "MUTATION_RESULT")
        .map(({ mutation_id }) => mutation_id),
    ).toEqual(["mutation-3"]);
    expect(own.ran).toEqual(["ana a -1"]);
  });

  it("accepts one of two writes that saw the same row (M5)", async () => {
    const server = await start(priceMutations());
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const [ana, eve] = [await opened(server), await opened(server, ["trades"], "eve")];
    // Within one flush, so that both wait for the same seq.
    void server.tidemark.channel("trades").upsert(trade("z", "BTC", 1));
    ana.send(mutate("1", { id: "a", price: 2 }, { expected_seq: 2 }));
    eve.send(mutate("2", { id: "a", price: 3 }, { expected_seq: 2 }));
    const codes = [(await resultOf(ana, "1"))["error"], (await resultOf(eve, "2"))["error"]].map(
      (error) => (error as { code?: string } | undefined)?.code,
    );
    expect(codes.filter((code) => code === "STALE_WRITE")).toHaveLength(1);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
  });

  it("does not conclude from a session's own unguarded write that no other wrote (M5)", async () => {
    const server = await start(priceMutations());
    const trades = server.tidemark.channel("trades");
    await trades.upsert(trade("a", "BTC", 1));
    const ana = await opened(server);
    await trades.upsert(trade("a", "BTC", 2));
    ana.send(mutate("1", { id: "a", price: 3 }));
    ana.send(mutate("2", { id: "a", price: 4 }, { expected_seq: 2 }));
    expect((await resultOf(ana, "2"))["error"]).toMatchObject({ code: "STALE_WRITE" });
  });

  it("delays results for a client without credit, and counts them (M1, B1)", async () => {
    const server = await start({
      ...priceMutations(),
      limits: { server: { mutationsPerSessionMax: 3 } },
    });
    const client = await opened(server);
    client.send({ op: "CREDIT", turns: 0 });
    for (const id of ["1", "2", "3"])
      client.send({
        op: "MUTATE",
        mutation_id: `mutation-${id}`,
        name: "trades.nothing",
        input: {},
      });
    await expect
      .poll(async () => {
        client.send({ op: "MUTATE", mutation_id: "mutation-4", name: "trades.nothing", input: {} });
        return ((await resultOf(client, "4"))["error"] as { code: string } | undefined)?.code;
      })
      .toBe("TOO_MANY_MUTATIONS");
    client.send({ op: "CREDIT", turns: 5 });
    expect(await resultOf(client, "3")).toMatchObject({ mutation_id: "mutation-3" });
  });

  it.each([
    ["no id", { op: "MUTATE", name: "trades.reprice", input: {} }],
    ["an invalid id", { op: "MUTATE", mutation_id: "a b", name: "x", input: {} }],
    [
      "a name and a position",
      { op: "MUTATE", mutation_id: "mutation-1", name: "x", position: "y:1" },
    ],
    ["neither", { op: "MUTATE", mutation_id: "mutation-1" }],
    [
      "an invalid expected_seq",
      { op: "MUTATE", mutation_id: "mutation-1", name: "x", expected_seq: -1 },
    ],
  ])("closes on %s (P3)", async (_what, frame) => {
    const server = await start(priceMutations());
    const client = await opened(server);
    client.send(frame);
    expect(await client.next({ op: "ERROR" })).toMatchObject({ code: "BAD_MESSAGE" });
    await expect.poll(() => client.closed?.code).toBe(4400);
  });

  it("answers UNKNOWN_POSITION where no source takes writes (M6)", async () => {
    const server = await start(priceMutations());
    const client = await opened(server);
    client.send({ op: "MUTATE", mutation_id: "mutation-1", position: "postgres:700" });
    expect((await resultOf(client, "1"))["error"]).toMatchObject({ code: "UNKNOWN_POSITION" });
    await expect(server.tidemark.txid(() => Promise.resolve([]))).rejects.toMatchObject({
      code: "BAD_OPTION",
    });
  });
});
