/** Attacks on rights: what one identity may learn of another's rows, or do to them. */
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { request as httpRequest } from "node:http";
import { createConnection } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTrades as start, stopAll, trade } from "../support/trades-server.ts";
import type { WireClient } from "../support/wire-client.ts";
import { silent } from "../support/silent.ts";
import { Replica } from "../../src/table/replica.ts";
import type { WireWhere } from "../../src/protocol/query.ts";
import { channel, createTidemark, mutation } from "../../src/index.ts";
import { mutationsByName } from "../../src/server/mutations/mutation.ts";
import type { ChannelWrites } from "../../src/sources/writer.ts";
import { declared, engineOf } from "./harness.ts";

afterEach(stopAll);
setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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

const writing = {
  authenticate: (request: { headers: Readonly<Record<string, unknown>> }, auth: unknown) =>
    (auth ?? request.headers["authorization"] ?? null) as string | null,
  channels: {
    trades: channel<{ id: string; symbol: string; price: number }>({
      key: "id",
      columns: { id: "text", symbol: "text", price: "float" },
      policy: (identity) => (identity === "eve" ? { column: "symbol", eq: "ETH" } : "all"),
    }),
  },
};

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

describe("(10) a caller learns nothing of rows that it may not see, from", () => {
  const hidden = {
    ...writing,
    channels: {
      ...writing.channels,
      payroll: channel({ key: "id", policy: (identity) => (identity === "ann" ? "all" : "none") }),
    },
  };
  const as = (url: string, path: string, authorization?: string, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      headers: { ...(authorization !== undefined && { authorization }) },
    });

  it("/stats", async () => {
    const { url } = await start(hidden);
    const text = await (await as(url, "/stats", "eve")).text();
    expect(text).not.toContain("payroll");
    expect(text).not.toMatch(/"channel":"trades"[^}]*"rows"/);
  });

  it("/metrics", async () => {
    const { url } = await start(hidden);
    const reply = await as(url, "/metrics");
    const text = await reply.text();
    expect(text).not.toContain("payroll");
  });

  it("the catalog", async () => {
    const { connect } = await start({
      ...hidden,
      catalog: true,
      isOperator: (identity) => identity === "ann",
    });
    const client = connect();
    const operator = connect();
    await operator.open("ann");
    await client.open("eve");
    for (const each of [operator, client])
      each.send({ op: "SUBSCRIBE", id: 1, subscriptions: ["tidemark.channels"] });
    const text = (each: WireClient): string => JSON.stringify(each.frames);
    await expect.poll(() => text(operator)).toContain("payroll");
    await expect.poll(() => text(client)).toContain("notes");
    expect(text(client)).not.toContain("payroll");
    expect(text(client)).not.toContain('"channel":"trades"');
  });

  it("refusals: a hidden channel looks like one that does not exist", async () => {
    const { connect, url } = await start(hidden);
    const client = connect();
    await client.open("eve");
    client.send({ op: "SUBSCRIBE", id: 1, subscriptions: ["payroll", "nothere1"] });
    const [forbidden, unknown] = [
      await client.next({ id: 1, index: 0 }),
      await client.next({ id: 1, index: 1 }),
    ];
    const [row, noRow] = [
      await as(url, "/v2/rows/payroll/1", "eve"),
      await as(url, "/v2/rows/nothere1/1", "eve"),
    ];
    const [channel, noChannel] = [
      await as(url, "/v2/channels/payroll", "eve"),
      await as(url, "/v2/channels/nothere", "eve"),
    ];
    expect([forbidden["code"], row.status, channel.status]).toEqual([
      unknown["code"],
      noRow.status,
      noChannel.status,
    ]);
  });

  it("CHANNEL_STATUS: changes of hidden rows are not visible", async () => {
    const { engine, log, clock, connect, settle } = await engineOf([declared("c")]);
    engine.policies.set("c", (identity) =>
      identity === "eve" ? { column: "owner", eq: "eve" } : "all",
    );
    const [ann, eve] = [await connect("ann"), await connect("eve")];
    for (const each of [ann, eve]) each.say({ op: "SUBSCRIBE", subscriptions: ["c"] });
    clock.advance(2_000);
    const statuses = ({ transport }: typeof ann): number =>
      transport.frames.filter(({ type }) => type === "CHANNEL_STATUS").length;
    const before = [statuses(ann), statuses(eve)];
    await log.append({
      changes: [
        { channel: "c", upserts: [{ key: "1", row: { id: "1", owner: "ann" } }], removes: [] },
      ],
    });
    await settle();
    clock.advance(3_000);
    engine.stop();
    expect([statuses(ann), statuses(eve)]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  });

  it("view ids: a policy cannot be guessed from them", async () => {
    const { connect } = await start(hidden);
    const client = connect();
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY", auth: "eve", subscriptions: ["trades"] });
    const { view } = await client.next({ type: "SUBSCRIBED" });
    const guess = createHash("sha256")
      .update(JSON.stringify({ column: "symbol", eq: "ETH" }))
      .digest("base64url")
      .slice(0, 22);
    expect(view).not.toContain(guess);
  });

  it("guarded writes: the guard does not reveal when a hidden row changed", async () => {
    const { tidemark, url } = await start({
      ...hidden,
      mutations: {
        set: mutation({
          source: "memory",
          input: z.object({ id: z.string() }),
          row: ({ id }) => ({ channel: "trades", key: id }),
          handler: ({ input: { id }, write }: { input: { id: string }; write: ChannelWrites }) => {
            write.upsert("trades", trade(id, "ETH", 2));
          },
        }),
      },
    });
    const trades = (
      tidemark as never as { channel(n: string): { upsert(r: unknown): Promise<number> } }
    ).channel("trades");
    const other = await trades.upsert(trade("other", "BTC", 1));
    const seq = await trades.upsert(trade("hidden", "BTC", 1));
    const ask = async (expected_seq: number) => {
      const reply = await fetch(`${url}/v2/mutations/set`, {
        method: "POST",
        headers: { authorization: "eve" },
        body: JSON.stringify({ input: { id: "hidden" }, expected_seq }),
      });
      return (await reply.json()).code ?? "written";
    };
    const answers = [await ask(other), await ask(seq)];
    expect(answers[0]).toBe(answers[1]);
    expect(answers).not.toContain("written");
  });
});

describe("(11) the protocol:", () => {
  it("frames after a malformed frame are not handled (P3)", async () => {
    const ran: string[] = [];
    const { connect } = await start({
      mutations: {
        note: mutation({
          source: "memory",
          input: z.object({ id: z.string() }),
          handler: ({ input: { id } }) => {
            ran.push(id);
          },
        }),
      },
    });
    const client = connect();
    await client.open();
    client.send("this is no JSON");
    client.send({
      op: "MUTATE",
      mutation_id: "behind-the-bad",
      name: "note",
      input: { id: "behind" },
    });
    await expect.poll(() => client.closed?.code).toBe(4400);
    expect(ran).toEqual([]);
  });

  it("each subscription of a message is answered (P5)", async () => {
    const { connect } = await start();
    const client = connect();
    await client.open();
    client.send({
      op: "SUBSCRIBE",
      id: 1,
      subscriptions: Array.from({ length: 40 }, () => "trades"),
    });
    await expect
      .poll(
        () => new Set(client.frames.filter(({ id }) => id === 1).map(({ index }) => index)).size,
      )
      .toBe(40);
  });

  it("answers that depend on the caller have a Vary header or are private", async () => {
    const { url, tidemark } = await start({
      ...writing,
      mutations: {
        nothing: mutation({ source: "memory", input: z.object({}), handler: () => {} }),
      },
    });
    await (tidemark as never as { channel(n: string): { upsert(r: unknown): Promise<number> } })
      .channel("trades")
      .upsert(trade("1", "BTC", 1));
    const post = (path: string, body: object, authorization?: string) =>
      fetch(url + path, {
        method: "POST",
        headers: authorization === undefined ? {} : { authorization },
        body: JSON.stringify(body),
      });
    const get = (path: string, authorization?: string) =>
      fetch(url + path, { headers: authorization === undefined ? {} : { authorization } });
    const replies: Record<string, Response> = {
      row: await get("/v2/rows/trades/1", "ann"),
      noRow: await get("/v2/rows/trades/2", "ann"),
      stats: await get("/stats", "ann"),
      unauthenticated: await get("/v2/snapshot?channels=trades"),
      unknown: await get("/v2/snapshot?channels=none", "ann"),
      mutation: await post("/v2/mutations/nothing", { input: {} }, "ann"),
      landed: await post("/v2/landed", { position: "x" }, "ann"),
      poll: await get("/v2/changes?channels=trades", "ann"),
    };
    const wrong = Object.entries(replies)
      .filter(
        ([, { headers }]) =>
          !/private|no-store/.test(headers.get("cache-control") ?? "") ||
          !/authorization/i.test(headers.get("vary") ?? ""),
      )
      .map(
        ([name, { status, headers }]) =>
          `${name} ${status}: ${headers.get("cache-control")} / ${headers.get("vary")}`,
      );
    expect(wrong).toEqual([]);
  });

  it("a Host is compared as a whole (A1)", async () => {
    const { url } = await start();
    const { port } = new URL(url);
    // An upgrade. For plain requests the framework refuses an invalid URL with 400.
    const statusFor = (host: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = createConnection(Number(port), "127.0.0.1", () =>
          socket.write(
            `GET /v2/stream HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
          ),
        );
        socket.on("error", reject).once("data", (data) => {
          socket.destroy();
          resolve(String(data).slice(9, 12));
        });
      });
    const hosts = ["[::1].evil.example", "[::1]evil.example:80", "[::1", "[127.0.0.1]x"];
    const statuses = await Promise.all(hosts.map(statusFor));
    expect(await statusFor(`[::1]:${port}`)).toBe("101");
    expect(statuses).toEqual(hosts.map(() => "403"));
  });

  it("/v2/landed refuses an invalid position at once", async () => {
    const { url, tidemark } = await start({ mutations: {} });
    const ask = (position: unknown): Promise<number | "hangs"> => {
      const body = JSON.stringify({ position });
      const answer = new Promise<number>((resolve, reject) => {
        httpRequest(
          `${url}/v2/landed`,
          { method: "POST", headers: { "content-length": Buffer.byteLength(body) } },
          (reply) => {
            reply.resume();
            resolve(reply.statusCode ?? 0);
          },
        )
          .on("error", reject)
          .end(body);
      });
      answer.catch(() => {});
      return Promise.race([answer, pause(800).then(() => "hangs" as const)]);
    };
    const positions: unknown[] = [
      { toString: 1, valueOf: 1 },
      null,
      ["memory:x:1"],
      "memory:otherepoch:1",
      `memory:${tidemark.epoch}:999999999`,
      "memory:__proto__:1",
      "",
      7,
    ];
    const answers = await Promise.all(positions.map(ask));
    expect(answers).toEqual(positions.map(() => 400));
  });
});
