/**
 * What is fuzzed, and what must hold: only errors with a code are thrown, no client sees rows that
 * it may not see, a correct client has the rows of the tables, and only issued session ids are
 * accepted.
 */
import { createConnection } from "node:net";
import { z } from "zod";
import { channel, createTidemark, mutation } from "../src/index.ts";
import { declareChannel } from "../src/log/channel.ts";
import { MemoryLog } from "../src/log/memory.ts";
import { downFault } from "../src/protocol/check-down.ts";
import { parseQuery } from "../src/protocol/parse-query.ts";
import { Engine } from "../src/server/engine.ts";
import { NO_OBSERVER } from "../src/server/engine-options.ts";
import { mutationsByName } from "../src/server/mutations/mutation.ts";
import { SessionTokens } from "../src/server/session/session-tokens.ts";
import type { Frame } from "../src/server/turn/frame.ts";
import type { Session, Transport } from "../src/server/turn/session.ts";
import { TidemarkError } from "../src/std/errors.ts";
import { ManualClock } from "../src/std/manual-clock.ts";
import { Replica } from "../src/table/replica.ts";
import { silent } from "../test/support/silent.ts";
import type { Generator } from "./generator.ts";

/** Tries a number of inputs, and throws when a check fails. */
interface Target {
  readonly name: string;
  /** Inputs between two looks at the clock. */
  readonly batch: number;
  run(count: number): Promise<void> | void;
  stop?(): Promise<void> | void;
}

export type MakeTarget = (generator: Generator) => Target | Promise<Target>;

const SECRET = "nobody-may-see-this";
const trades = declareChannel({
  name: "trades",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "symbol", type: "text" },
    { name: "price", type: "float" },
    { name: "owner", type: "any" },
  ],
});
const notes = declareChannel({ name: "notes", key: ["id"] });
const hidden = declareChannel({ name: "hidden", key: ["id"] });
const rows = (generator: Generator, count: number) =>
  Array.from({ length: count }, () => {
    const id = `k${generator.whole(30)}`;
    return {
      key: id,
      row: {
        id,
        symbol: generator.pick(["BTC", "ETH", null]),
        price: generator.pick([1, 2.5, null]),
        owner: generator.pick(["ann", 1, true, { a: 1 }]),
      },
    };
  });

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Queries: parsed, compiled, built as views, and updated. */
export const queries: MakeTarget = (generator) => {
  const replica = new Replica({ viewsMax: 50 });
  let seq = 1;
  replica.apply({
    seq,
    timeMs: 1,
    declares: [trades, notes],
    changes: [{ channel: "trades", upserts: rows(generator, 30), removes: [] }],
  });
  return {
    name: "queries",
    batch: 200,
    run(count) {
      for (let index = 0; index < count; index++) {
        try {
          const view = replica.acquire(
            parseQuery(generator.query()),
            generator.chance(0.3) ? { column: "symbol", eq: "ETH" } : undefined,
          );
          if (view.query.limit !== undefined)
            must(view.rows.size <= view.query.limit, "a window holds its limit");
          replica.release(view, 0);
        } catch (error) {
          if (!(error instanceof TidemarkError) || error.code === "INTERNAL") throw error;
        }
        if (index % 10 === 0)
          replica.apply({
            seq: ++seq,
            timeMs: seq,
            changes: [{ channel: "trades", upserts: rows(generator, 3), removes: [] }],
          });
      }
      replica.sweep(Number.POSITIVE_INFINITY);
    },
  };
};

class Listener implements Transport {
  readonly bufferedBytes = 0;
  readonly #onFrame: (text: string) => void;
  isClosed = false;

  constructor(onFrame: (text: string) => void) {
    this.#onFrame = onFrame;
  }

  write(frames: readonly Frame[]): void {
    for (const frame of frames) if (!frame.isSilent) this.#onFrame(frame.payload.toString());
  }

  onceFlushed(callback: () => void): void {
    queueMicrotask(callback);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Frames, sent by sessions that connect and disconnect, beside one correct client. */
export const frames: MakeTarget = async (generator) => {
  const clock = new ManualClock();
  const { random } = generator;
  const log = new MemoryLog({ clock, random });
  const definitions = mutationsByName({
    set: mutation({
      source: "memory",
      input: z.object({ id: z.string() }),
      handler: ({
        input: { id },
        write,
      }: {
        input: { id: string };
        write: { upsert(channel: string, rows: object): void };
      }) => write.upsert("notes", { id }),
    }),
  });
  const engine = new Engine({
    log,
    clock,
    random,
    logger: silent,
    declares: [trades, notes, hidden],
    observer: NO_OBSERVER,
    access: { identify: () => Promise.resolve("eve") },
    mutations: {
      definitions,
      writers: new Map(),
      writeChannels: (fill) => {
        fill({ upsert: () => {}, remove: () => {} });
        return log.append({ changes: [] });
      },
    },
    catalog: true,
    isOperator: () => false,
    limits: { views: { viewsMax: 200 } },
  });
  engine.policies.set("hidden", () => "none");
  engine.policies.set("trades", () => ({ column: "symbol", eq: "ETH" }));
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 12; round++) await Promise.resolve();
    clock.advance(20);
  };
  const started = engine.start();
  for (let round = 0; round < 5; round++) await settle();
  await started;
  await log.append({
    changes: [
      { channel: "hidden", upserts: [{ key: "1", row: { id: "1", text: SECRET } }], removes: [] },
      { channel: "trades", upserts: rows(generator, 30), removes: [] },
    ],
  });

  const connect = (onFrame: (text: string) => void): Session =>
    engine.connect(new Listener(onFrame), {
      url: "/v2/stream",
      headers: {},
      remoteAddress: undefined,
    });
  let clientSeq = 0;
  const correct = connect((text) => {
    const { type, seq } = JSON.parse(text) as { type?: string; seq?: number };
    if (type === "WATERMARK") clientSeq = seq ?? 0;
  });
  engine.gateway.receive(correct, JSON.stringify({ op: "IDENTIFY", subscriptions: ["notes"] }));
  const listen = (text: string): void => {
    must(!text.includes(SECRET), `a hidden row was sent: ${text.slice(0, 300)}`);
    must(!text.includes('"symbol":"BTC"'), `a row of another was sent: ${text.slice(0, 300)}`);
    const frame = JSON.parse(text) as Record<string, unknown>;
    must(downFault(frame) === undefined, `no schema has ${text.slice(0, 300)}`);
    const { session_id, view, epoch } = frame;
    for (const sent of [session_id, view, epoch])
      if (typeof sent === "string") generator.note(sent);
  };
  let sessions: Session[] = [];
  return {
    name: "frames",
    batch: 200,
    async run(count) {
      for (let index = 0; index < count; index++) {
        const left = sessions.filter(({ state }) => state.kind === "closed");
        for (const gone of left) engine.gateway.disconnected(gone, 4400);
        sessions = sessions.filter((session) => !left.includes(session));
        if (sessions.length < 8 || generator.chance(0.05)) {
          sessions.push(connect(listen));
          if (generator.chance(0.8))
            engine.gateway.receive(sessions.at(-1) as Session, JSON.stringify({ op: "IDENTIFY" }));
          await settle();
        }
        const session = generator.pick(sessions);
        engine.gateway.receive(session, generator.frame());
        if (index % 20 === 0)
          await log.append({
            changes: [{ channel: "trades", upserts: rows(generator, 2), removes: [] }],
          });
        if (index % 5 === 0) await settle();
        if (sessions.length > 20) {
          for (const gone of sessions) engine.gateway.disconnected(gone, 1006);
          sessions = [];
        }
      }
      engine.gateway.receive(correct, JSON.stringify({ op: "HEARTBEAT" }));
      for (let round = 0; round < 80 && clientSeq < engine.follower.head; round++) await settle();
      must(correct.state.kind === "open", "the correct client is connected");
      must(
        clientSeq === engine.follower.head,
        `the correct client is at ${clientSeq} of ${engine.follower.head}`,
      );
    },
    stop: () => engine.stop(),
  };
};

/** Session ids: only issued ones are accepted. */
export const tokens: MakeTarget = (generator) => {
  const options = { epoch: () => "epoch1", ttlMs: 60_000, revocationsMax: 10, now: () => 1_000 };
  const [ours, theirs] = [
    new SessionTokens({ secret: "ours", ...options }),
    new SessionTokens({ secret: "theirs", ...options }),
  ];
  const hash = ours.identityHashOf({ id: "ann" });
  return {
    name: "tokens",
    batch: 2_000,
    run(count) {
      for (let index = 0; index < count; index++) {
        const given = ours.issue(`sess_${generator.random.id(20)}`, hash);
        const forged = generator.chance(0.2)
          ? theirs.issue("sess_x", hash)
          : generator.noise(given);
        must(ours.refusal(given, hash) === undefined, `refused its own: ${given}`);
        must(
          ours.refusal(given, ours.identityHashOf({ id: "bob" })) === "identity",
          `took another's: ${given}`,
        );
        must(
          forged === given || ours.refusal(forged, hash) !== undefined,
          `took a forged one: ${forged}`,
        );
      }
    },
  };
};

/** Requests over real sockets. The server must survive each, and reveal no secret. */
export const http: MakeTarget = async (generator) => {
  const tidemark = createTidemark({
    logger: silent,
    catalog: true,
    channels: {
      trades: channel({ key: "id", columns: { id: "text", symbol: "text" } }),
      hidden: channel({ key: "id", policy: () => "none" }),
    },
    mutations: {
      set: mutation({
        source: "memory",
        input: z.object({ id: z.string() }),
        handler: ({
          input: { id },
          write,
        }: {
          input: { id: string };
          write: { upsert(channel: string, rows: object): void };
        }) => write.upsert("trades", { id, symbol: "BTC" }),
      }),
    },
  });
  const { port, url } = await tidemark.listen({ port: 0 });
  await (tidemark as never as { channel(name: string): { upsert(row: object): Promise<number> } })
    .channel("hidden")
    .upsert({ id: "1", text: SECRET });
  const paths = [
    "/v2/snapshot?channels=",
    "/v2/rows/trades/",
    "/v2/channels/trades",
    "/v2/channels/hidden",
    "/v2/rows/hidden/1",
    "/v2/changes?channels=",
    "/v2/changes?subscriptions=",
    "/v2/sse?channels=",
    "/v2/mutations/",
    "/v2/landed",
    "/v2/up?session=",
    "/v2/stream",
    "/stats",
    "/metrics",
    "/healthz",
    "/",
    "//",
    "*",
    "/v2/%00",
    "/../etc/passwd",
  ];
  const request = (): string => {
    const body = generator.chance(0.4) ? generator.frame() : "";
    const line = `${generator.chance(0.95) ? generator.pick(["GET", "POST", "OPTIONS", "HEAD"]) : generator.word()} ${generator.pick(paths)}${encodeURIComponent(toWellFormed(generator.chance(0.5) ? JSON.stringify([generator.query()]) : generator.word()))} HTTP/1.1`;
    const headers = [
      `Host: ${generator.chance(0.9) ? "localhost" : generator.word().replaceAll(/[\r\n]/g, "")}`,
      ...(generator.chance(0.2) ? [`Origin: ${generator.word().replaceAll(/[\r\n]/g, "")}`] : []),
      ...(generator.chance(0.3)
        ? [
            `If-None-Match: "${generator.word().replaceAll(/[\r\n]/g, "")}"`,
            `Last-Event-ID: ${generator.word().replaceAll(/[\r\n]/g, "")}`,
          ]
        : []),
      ...(generator.chance(0.2)
        ? [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
          ]
        : ["Connection: close"]),
      `Content-Length: ${generator.chance(0.95) ? Buffer.byteLength(body) : generator.whole(1e6)}`,
    ];
    const text = `${line}\r\n${headers.join("\r\n")}\r\n\r\n${body}`;
    return generator.chance(0.9) ? text : generator.noise(text);
  };
  const ask = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = createConnection(port, "127.0.0.1", () => socket.end(text));
      let answer = "";
      socket.on("data", (data) => {
        answer += data.toString("latin1");
        // An opened stream need not be read to its end.
        if (answer.length > 20_000) socket.destroy();
      });
      socket.on("error", () => {});
      const cut = setTimeout(() => socket.destroy(), 300);
      socket.on("close", () => {
        clearTimeout(cut);
        if (answer.includes(SECRET))
          reject(new Error(`a hidden row was sent for ${text.slice(0, 500)}`));
        else if (answer.startsWith("HTTP/1.1 500"))
          reject(new Error(`500 for ${text.slice(0, 500)}`));
        else resolve();
      });
    });
  return {
    name: "http",
    batch: 100,
    async run(count) {
      await Promise.all(Array.from({ length: count }, () => ask(request())));
      must((await fetch(`${url}/healthz`)).ok, "the server answers");
    },
    stop: () => tidemark.stop(),
  };
};

function toWellFormed(text: string): string {
  return text.replaceAll(/[\ud800-\udfff]/g, "?");
}
