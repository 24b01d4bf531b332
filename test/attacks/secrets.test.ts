/** Attacks on what a caller may not see, by what answers, refusals and the protocol reveal. */
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { createConnection } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTrades as start, stopAll, trade } from "../support/trades-server.ts";
import type { WireClient } from "../support/wire-client.ts";
import { channel, mutation } from "../../src/index.ts";
import type { ChannelWrites } from "../../src/sources/writer.ts";
import { declared, engineOf, writing } from "./harness.ts";

afterEach(stopAll);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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
