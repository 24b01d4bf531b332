/** Attacks on rights: what one identity may learn of another's rows, or do to them. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTrades as start, stopAll, trade } from "../support/trades-server.ts";
import { silent } from "../support/silent.ts";
import { Replica } from "../../src/table/replica.ts";
import type { WireWhere } from "../../src/protocol/query.ts";
import { channel, createTidemark, mutation } from "../../src/index.ts";
import { mutationsByName } from "../../src/server/mutations/mutation.ts";
import type { ChannelWrites } from "../../src/sources/writer.ts";
import { declared, engineOf, writing } from "./harness.ts";

afterEach(stopAll);
setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

describe("(6) rows that a policy hides", () => {
  /**
   * How often a column of the client's query was read in a row of this owner, for a caller who may
   * see only bob's rows.
   */
  const reads = (
    owner: string | null,
    query: object = {
      where: {
        and: [
          { column: "id", eq: "1" },
          { column: "secret", like: "%x%" },
        ],
      },
    },
    policy: WireWhere = { column: "owner", eq: "bob" },
  ): number => {
    let count = 0;
    const row = {
      id: "1",
      owner,
      get secret() {
        count++;
        return "x";
      },
    };
    const replica = new Replica();
    const { name, key, bounds } = declared("c");
    replica.apply({
      seq: 1,
      timeMs: 0,
      declares: [{ name, key, bounds, columns: [] }],
      changes: [
        {
          channel: "c",
          upserts: [{ key: "1", row: row as never, json: JSON.stringify({ id: "1", owner }) }],
          removes: [],
        },
      ],
    });
    replica.acquire({ channel: "c", ...query } as never, policy);
    return count;
  };

  it("are not evaluated by the client's terms, because their cost would reveal values", () => {
    expect(reads("bob")).toBeGreaterThan(0);
    expect(reads("ann")).toBe(0);
  });

  it("are not evaluated either when the policy is unknown for a row, or has no equality", () => {
    const policy: WireWhere = { not: { column: "owner", eq: "ann" } };
    const figures = [
      reads("bob", undefined, policy),
      reads("ann", undefined, policy),
      reads(null, undefined, policy),
    ];
    expect(figures[0]).toBeGreaterThan(0);
    expect(figures.slice(1)).toEqual([0, 0]);
  });

  it("cannot be found by the time of a query: a hit among hidden rows takes as long as a miss", () => {
    const replica = new Replica();
    const secret = (value: string) => ({ id: value, owner: "ann", s: value, n: 1 });
    const upserts = ["found", ..."abcdefghij"].map((value) => ({
      key: value,
      row: { ...secret(value), s: `${value}${"x".repeat(20_000)}` },
    }));
    replica.apply({
      seq: 1,
      timeMs: 0,
      declares: [declared("c")],
      changes: [{ channel: "c", upserts, removes: [] }],
    });
    // Evaluating a long text takes a measurable time; the guess decides whether it is evaluated.
    const times: Record<string, number[]> = { found: [], missed: [] };
    for (let round = 0; round < 400; round++) {
      for (const guess of ["found", "missed"]) {
        const query = {
          channel: "c",
          where: {
            and: [
              { column: "s", like: `${guess}%` },
              { column: "s", like: `%${round}y%` },
            ],
          },
        } as const;
        const beganMs = performance.now();
        const view = replica.acquire(query, { column: "owner", ne: "ann" });
        times[guess]?.push(performance.now() - beganMs);
        replica.release(view, 0);
      }
      replica.sweep(Number.POSITIVE_INFINITY);
    }
    const median = (values: readonly number[] = []): number =>
      values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
    const [hit, miss] = [median(times["found"]), median(times["missed"])];
    // A `like` over the hidden text would take some hundred microseconds.
    expect(Math.abs(hit - miss)).toBeLessThan(0.02);
  });
});

describe("(7) a policy for an unknown channel", () => {
  it("stops the start, because the intended table would be open", async () => {
    const tidemark = createTidemark({
      logger: silent,
      channels: { trades: channel({ key: "id" }) },
      policies: { trade: () => "none" },
    });
    const outcome = await tidemark.start().then(
      () => "started",
      (error: { code: string }) => error.code,
    );
    await tidemark.stop();
    expect(outcome).toBe("BAD_OPTION");
  });
});

class User {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  get name(): string {
    return this.#name;
  }
}

describe("(8) invalidate", () => {
  const cyclic = (name: string): object => {
    const self: Record<string, unknown> = { name };
    self["self"] = self;
    return self;
  };
  const kinds: Record<string, (name: string) => unknown> = {
    "a BigInt": (name) => ({ name, id: 1n }),
    "a cycle": cyclic,
    "a Set": (name) => new Set([name]),
    "a Map": (name) => new Map([["name", name]]),
    "private fields": (name) => new User(name),
    "a symbol": (name) => Symbol(name),
    "NaN and null": (name) => ({ level: name === "ann" ? Number.NaN : null }),
  };
  it.each(Object.keys(kinds))(
    "refuses an identity with %s when its session opens: it could not be told from others",
    async (kind) => {
      const users = new Map(["ann", "bob"].map((name) => [name, kinds[kind]?.(name)]));
      const { tidemark, connect, url } = await start({
        authenticate: (request, auth) =>
          users.get((auth ?? request.headers["authorization"]) as string),
      });
      const ann = connect();
      await ann.next({ op: "HELLO" });
      ann.send({ op: "IDENTIFY", auth: "ann" });
      expect(await ann.next({ op: "ERROR" })).toMatchObject({
        code: "BAD_IDENTITY",
        message: expect.stringContaining("plain JSON"),
      });
      await expect.poll(() => ann.closed?.code).toBe(4401);
      expect(
        (await fetch(`${url}/v2/snapshot?channels=trades`, { headers: { authorization: "ann" } }))
          .status,
      ).toBe(500);
      expect(() => tidemark.revoke(users.get("ann"))).toThrow(
        expect.objectContaining({ code: "BAD_IDENTITY" }),
      );
    },
  );

  it("ends only the sessions of this identity, whatever its order of fields, and returns their count", async () => {
    const identities: Record<string, unknown> = {
      ann: { id: 1, roles: ["a"] },
      "ann again": { roles: ["a"], id: 1 },
      bob: { id: 1, roles: ["b"] },
    };
    const { tidemark, connect } = await start({
      authenticate: (_request, auth) => identities[auth as string],
    });
    const clients = await Promise.all(
      Object.keys(identities).map(async (name) => {
        const client = connect();
        await client.open(name);
        return client;
      }),
    );
    expect(tidemark.revoke({ roles: ["a"], id: 1 })).toBe(2);
    for (const client of clients.slice(0, 2))
      await client.next({ op: "INVALID_SESSION", reason: "revoked" });
    clients[2]?.send({ op: "HEARTBEAT" });
    await clients[2]?.next({ op: "HEARTBEAT_ACK" });
    expect(clients[2]?.frames.some(({ op }) => op === "INVALID_SESSION")).toBe(false);
  });
});

describe("(9) a mutation's id", () => {
  const input = z.object({ id: z.string() });
  const ran: string[] = [];
  const mutations = {
    make: mutation({
      source: "memory",
      input,
      handler: ({
        input: { id },
        caller,
        write,
      }: {
        input: { id: string };
        caller: unknown;
        write: ChannelWrites;
      }) => {
        ran.push(String(caller));
        write.upsert("trades", trade(id, "BTC", 1));
        return { secret: `of ${String(caller)}` };
      },
    }),
  };

  it("belongs to its caller: another caller who knows the id does not get the answer", async () => {
    const server = await start({ ...writing, mutations });
    const run = (authorization: string) =>
      fetch(`${server.url}/v2/mutations/make`, {
        method: "POST",
        headers: { authorization },
        body: JSON.stringify({ mutation_id: "the-same-id", input: { id: "1" } }),
      }).then((reply) => reply.json());
    const [ann, eve] = [await run("ann"), await run("eve")];
    expect(ann.value).toEqual({ secret: "of ann" });
    expect(eve).toMatchObject({ code: "MUTATION_CONFLICT" });
    expect((await run("ann")).value).toEqual({ secret: "of ann" });
  });

  const engineWith = async (value: unknown) => {
    const counts = new Map<string, number>();
    const definitions = mutationsByName({
      make: mutation({
        source: "memory",
        input: z.any(),
        handler: ({ mutationId, write }: { mutationId: string; write: ChannelWrites }) => {
          counts.set(mutationId, (counts.get(mutationId) ?? 0) + 1);
          write.upsert("c", { id: "1" });
          return value as never;
        },
      }),
    });
    let seq = 1;
    const made = await engineOf([declared("c")], {
      mutations: {
        definitions,
        writers: new Map(),
        writeChannels: (fill) => {
          fill({ upsert: () => {}, remove: () => {} });
          return Promise.resolve(seq++ && 0);
        },
      },
    });
    const run = (caller: string, id: string) =>
      made.engine.mutationQueue.run(
        { op: "MUTATE", mutation_id: id, name: "make", input: {} } as never,
        caller,
      );
    return { ...made, run, counts };
  };

  it("is not forgotten because another caller writes much", async () => {
    const { engine, run, counts } = await engineWith(null);
    await run("ann", "ann-once-1");
    for (let i = 0; i < 10_050; i++) await run("eve", `eve-many-${i}`);
    await run("ann", "ann-once-1");
    engine.stop();
    expect(counts.get("ann-once-1")).toBe(1);
  }, 20_000);

  it("is remembered with its answer, within a limit of bytes", async () => {
    const { engine, run } = await engineWith("é".repeat(30_000));
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1_500; i++) await run("eve", `eve-many-${i}`);
    gc();
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    engine.stop();
    expect(grown).toBeLessThan(24);
  }, 20_000);
});
