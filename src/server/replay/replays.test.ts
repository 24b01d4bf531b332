import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { WebSocket } from "ws";
import type { ChangesQuery, StoredChanges } from "../../history/history.ts";
import { ScriptedStore } from "../../history/scripted-store.ts";
import type { DownMessage } from "../../protocol/down.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import { channel } from "../channel.ts";
import { createTidemark } from "../tidemark.ts";

interface Trade {
  id: string;
  price: number;
  team: string;
}

const store = new ScriptedStore();
const tidemark = createTidemark({
  authenticate: (_request, auth) => String(auth ?? "all"),
  history: store,
  limits: { history: { replaysMax: 2 } },
  channels: {
    trades: channel<Trade, string>({
      key: "id",
      columns: { id: "text", price: "integer", team: "text" },
      history: { maxDelayMs: 1 },
      policy: (team) =>
        team === "all" ? "all" : team === "none" ? "none" : { column: "team", eq: team },
    }),
    plain: channel<Trade>({ key: "id" }),
  },
  logger: pino({ level: "silent" }),
});
let base = "";
const seqs: number[] = [];
beforeAll(async () => {
  const { port } = await tidemark.listen({ port: 0 });
  base = `ws://localhost:${port}/v2`;
  const trades = tidemark.channel("trades");
  const add = async (id: string, price: number, team: string): Promise<void> => {
    seqs.push(await trades.upsert({ id, price, team }));
  };
  await add("a", 1, "red");
  await add("b", 2, "blue");
  await add("a", 3, "red");
  seqs.push(await trades.remove(["b"]));
  await add("c", 5, "blue");
  await tidemark.durable(seqs.at(-1) ?? 0);
});
afterAll(() => tidemark.stop());

interface Peer {
  readonly frames: DownMessage[];
  readonly socket: WebSocket;
  closed: number | undefined;
  say(message: object): void;
  /** The first frame that fits. */
  frame<F extends object>(isWanted: (frame: never) => boolean): Promise<F>;
}

function connect(parameters: string, auth = "all", server = base): Peer {
  const socket = new WebSocket(`${server}/replay?${parameters}`);
  onTestFinished(() => socket.terminate());
  const peer: Peer = {
    frames: [],
    socket,
    closed: undefined,
    say: (message) => socket.send(JSON.stringify(message)),
    frame: async <F>(isWanted: (frame: never) => boolean) => {
      const find = (): DownMessage | undefined =>
        peer.frames.find((frame) => isWanted(frame as never));
      await expect.poll(find, { timeout: 5_000, interval: 5 }).toBeDefined();
      return find() as F;
    },
  };
  socket.on("error", () => {});
  socket.on("close", (code) => (peer.closed = code));
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as DownMessage;
    peer.frames.push(frame);
    if (frame.op === "HELLO")
      peer.say({ op: "IDENTIFY", auth, subscriptions: [{ channel: "trades" }] });
  });
  return peer;
}

const ofType = (type: string) => (frame: { readonly type?: string }) => frame.type === type;

/** The table that the frames make, at the seq of the last watermark. */
function tableOf(frames: readonly DownMessage[]): Record<string, number> {
  const rows = new Map<string, number>();
  for (const frame of frames) {
    if (frame.op !== "DISPATCH") continue;
    if (frame.type === "SNAPSHOT")
      for (const row of frame.rows) rows.set(String(row["id"]), Number(row["price"]));
    if (frame.type !== "DELTA_BATCH") continue;
    for (const row of frame.patch.upsert ?? []) rows.set(String(row["id"]), Number(row["price"]));
    for (const key of frame.patch.remove ?? []) rows.delete(key);
  }
  return Object.fromEntries(rows);
}

const hasEnded = (frame: { readonly reason?: string }): boolean =>
  frame.reason === "end of the replay";

describe("WS /replay", () => {
  it("begins with the table of then and ends with the table of the end", async () => {
    const peer = connect(`from=${seqs[1]}&to=${seqs[3]}&speed=max`);
    await peer.frame(hasEnded);
    const ready = await peer.frame<{ epoch: string; seq: number }>(ofType("READY"));
    expect(ready.epoch).toBe(`${tidemark.epoch}@${seqs[1]}`);
    expect(tableOf(peer.frames)).toEqual({ a: 3 });
    const mark = peer.frames.findLast((frame) =>
      ofType("WATERMARK")(frame as never),
    ) as unknown as {
      seq: number;
      as_of: Record<string, number>;
    };
    expect(mark.seq).toBe(seqs[3]);
    expect(mark.as_of["replay"]).toBe(store.entries.find(({ seq }) => seq === seqs[3])?.timeMs);
  });

  it("stands still at speed 0", async () => {
    const peer = connect(`from=${seqs[1]}&speed=0`);
    await peer.frame(ofType("WATERMARK"));
    expect(tableOf(peer.frames)).toEqual({ a: 1, b: 2 });
    await peer.frame(
      (frame: { readonly reason?: string }) => frame.reason === "the replay is paused",
    );
  });

  it("goes on to the live edge, and follows it", async () => {
    const peer = connect(`from=${seqs[0]}&speed=max`);
    await peer.frame(
      (frame: { readonly type?: string; readonly status?: string }) =>
        frame.type === "CHANNEL_STATUS" && frame.status === "live",
    );
    const seq = await tidemark.channel("trades").upsert({ id: "late", price: 9, team: "red" });
    await expect.poll(() => tableOf(peer.frames)).toMatchObject({ late: 9 });
    await tidemark.durable(await tidemark.channel("trades").remove(["late"]));
    expect(seq).toBeGreaterThan(seqs[4] ?? 0);
  });

  it("has the policies of the live server", async () => {
    const blue = connect(`from=${seqs[1]}&to=${seqs[4]}&speed=max`, "blue");
    await blue.frame(hasEnded);
    expect(tableOf(blue.frames)).toEqual({ c: 5 });
    expect(JSON.stringify(blue.frames)).not.toContain('"a"');
    blue.socket.terminate();
    const none = connect(`from=${seqs[1]}`, "none");
    expect(await none.frame<ErrorMessage>(ofOp("ERROR"))).toMatchObject({ code: "NO_HISTORY" });
  });

  it("takes no writes", async () => {
    const peer = connect(`from=${seqs[1]}&speed=0`);
    await peer.frame(ofType("WATERMARK"));
    peer.say({
      op: "MUTATE",
      mutation_id: "0b2c6d1e-5f7a-4c3b-9d2e-1a2b3c4d5e6f",
      name: "anything",
      input: {},
    });
    expect(await peer.frame(ofType("MUTATION_RESULT"))).toMatchObject({
      error: { code: "READ_ONLY" },
    });
  });

  it("ends the sessions of an identity that is revoked", async () => {
    const peer = connect(`from=${seqs[1]}&speed=0`, "red");
    await peer.frame(ofType("WATERMARK"));
    expect(tidemark.revoke("red")).toBe(1);
    expect(await peer.frame(ofOp("INVALID_SESSION"))).toMatchObject({ reason: "revoked" });
  });

  it("is refused where it makes no sense, and beyond the number that may run", async () => {
    const statusOf = (parameters: string): Promise<number | undefined> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${base}/replay?${parameters}`);
        onTestFinished(() => socket.terminate());
        socket.on("error", () => {});
        socket.on("open", () => resolve(undefined));
        socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode));
      });
    for (const parameters of ["", "from=x", "from=1&speed=-1", "from=1&speed=", "from=5&to=1"])
      expect([parameters, await statusOf(parameters)]).toEqual([parameters, 400]);
    // Those of the tests before have ended with their sockets.
    await expect.poll(() => statusOf("from=1")).toBeUndefined();
    await expect.poll(() => statusOf("from=1")).toBeUndefined();
    expect(await statusOf("from=1")).toBe(503);
  });

  it("ends with HISTORY_TRIMMED when the store has forgotten the rest", async () => {
    await expect
      .poll(async () => {
        const peer = connect(`from=${seqs[0]}&speed=1`);
        await new Promise((resolve) => peer.socket.once("open", resolve).once("error", resolve));
        return peer.socket.readyState;
      })
      .toBe(WebSocket.OPEN);
    store.forget(seqs[3] ?? 0);
    const late = connect(`from=${seqs[0]}`);
    expect(await late.frame<ErrorMessage>(ofOp("ERROR"))).toMatchObject({
      code: "HISTORY_TRIMMED",
    });
    await expect.poll(() => late.closed).toBe(4410);
  });
});

it("ends with HISTORY_TRIMMED, at a commit, when its span is trimmed while it plays", async () => {
  /** Its oldest rows are trimmed when a replay has read three commits and asks for the next. */
  class TrimmedStore extends ScriptedStore {
    reads = 0;

    override changes(query: ChangesQuery): Promise<StoredChanges> {
      if (++this.reads === 4) this.forget(query.through);
      return super.changes(query);
    }
  }
  const trimmed = new TrimmedStore();
  const server = createTidemark({
    history: trimmed,
    limits: { history: { replayReadMax: 1 } },
    channels: { trades: channel<Trade>({ key: "id", history: { maxDelayMs: 1 } }) },
    logger: pino({ level: "silent" }),
  });
  onTestFinished(() => server.stop());
  const { port } = await server.listen({ port: 0 });
  const placed: number[] = [];
  for (let price = 0; price < 6; price++)
    placed.push(await server.channel("trades").upsert({ id: "a", price, team: "red" }));
  await server.durable(placed.at(-1) ?? 0);
  const span = `from=${placed[0]}&to=${placed[5]}&speed=max`;
  const peer = connect(span, "all", `ws://localhost:${port}/v2`);
  expect(await peer.frame<ErrorMessage>(ofOp("ERROR"))).toMatchObject({ code: "HISTORY_TRIMMED" });
  await expect.poll(() => peer.closed).toBe(4410);
  // What came before is whole: the last watermark names the commit that the rows are as of.
  const marks = peer.frames.filter((frame) => ofType("WATERMARK")(frame as never));
  const { seq } = marks.at(-1) as unknown as { seq: number };
  expect(tableOf(peer.frames)).toEqual({ a: placed.indexOf(seq) });
  expect(peer.frames.some((frame) => hasEnded(frame as never))).toBe(false);
});

it("begins as of a moment that the store does not hold yet, once it does, or says that it can't", async () => {
  const behind = new ScriptedStore();
  const server = createTidemark({
    history: behind,
    channels: { trades: channel<Trade>({ key: "id", history: { maxDelayMs: 1 } }) },
    logger: pino({ level: "silent" }),
  });
  onTestFinished(() => server.stop());
  const { port } = await server.listen({ port: 0 });
  const at = `ws://localhost:${port}/v2`;
  const trades = server.channel("trades");
  await server.durable(await trades.upsert({ id: "a", price: 1, team: "red" }));
  const earlyMs = behind.entries[0]?.timeMs ?? 0;
  const early = new Date(earlyMs).toISOString();
  // The next row is of a later time.
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(earlyMs);
  behind.onWrite = () => {
    throw new Error("down");
  };
  const late = await trades.upsert({ id: "a", price: 2, team: "red" });
  await expect
    .poll(() => (server.stats()["history"] as { status: string }).status)
    .toBe("retrying");
  // Later than both rows were written.
  const moment = new Date(Date.now() + 1).toISOString();
  const refused = (from: string | number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const socket = connect(`from=${from}&speed=0`, "all", at).socket;
      socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode));
    });
  expect([await refused(moment), await refused(late)]).toEqual([503, 503]);
  behind.onWrite = () => {};
  await server.durable(late);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let isWriting = false;
  behind.onWrite = () => {
    isWriting = true;
    return gate;
  };
  const newest = await trades.upsert({ id: "a", price: 3, team: "red" });
  await expect.poll(() => isWriting).toBe(true);
  const waiting = connect(`from=${newest}&speed=0`, "all", at);
  const past = connect(`from=${early}&speed=0`, "all", at);
  // The past that is stored does not wait for what is not.
  await past.frame(ofType("WATERMARK"));
  expect(tableOf(past.frames)).toEqual({ a: 1 });
  release();
  await waiting.frame(ofType("WATERMARK"));
  expect(tableOf(waiting.frames)).toEqual({ a: 3 });
});

function ofOp(op: string) {
  return (frame: { readonly op: string }) => frame.op === op;
}
