/**
 * The server of the recorded sessions, made with the library of whichever version records or
 * replays.
 */
import { WebSocket } from "ws";
import { z } from "zod";
import type * as Library from "../../src/index.ts";
import { silent } from "../support/silent.ts";
import type { ServerAction } from "./recording.ts";

type Caller = { readonly user: string };
export type { Library };

export interface Served {
  readonly stream: string;
  act(action: ServerAction): Promise<void>;
  stop(): Promise<void>;
}

/**
 * `hasDigests`: they come with each turn; else none comes. Frames are small, so that rows of some
 * length fill several.
 */
export async function serve(
  { createTidemark, channel, mutation, MutationError }: typeof Library,
  { hasDigests }: { readonly hasDigests: boolean },
): Promise<Served> {
  const tidemark = createTidemark({
    logger: silent,
    channels: {
      trades: channel<{ id: string; symbol: string; price: number; note?: string }>({
        key: "id",
        columns: { id: "text", symbol: "text", price: "float", note: "text" },
        bounds: { tombstonesMax: 4 },
        policy: (identity) =>
          (identity as Caller).user === "eve" ? { column: "symbol", eq: "ETH" } : "all",
      }),
      notes: channel({ key: "id" }),
    },
    authenticate: (_request: unknown, auth: unknown) =>
      typeof (auth as Caller | undefined)?.user === "string" ? (auth as Caller) : null,
    mutations: {
      trades: {
        reprice: mutation({
          source: "memory",
          input: z.object({ id: z.string(), price: z.number() }),
          row: ({ id }: { id: string }) => ({ channel: "trades", key: id }),
          handler: ({ input: { id, price }, write }) => {
            if (price < 0)
              throw new MutationError("NEGATIVE", "A price is not below 0.", {
                data: { least: 0 },
              });
            write.upsert("trades", { id, symbol: "BTC", price });
            return { id, at: price };
          },
        }),
      },
    },
    limits: {
      server: {
        frameBytesMax: 120,
        snapshotReuseMs: 0,
        slowConsumerMs: 1,
        digestIntervalMs: hasDigests ? 20 : 600_000,
      },
    },
  } as never);
  const { url } = await tidemark.listen({ port: 0 });
  const stream = `${url.replace("http", "ws")}/v2/stream`;
  const channelOf = (name: string) => tidemark.channel(name as never);
  const applied = await observer(stream);
  let isStopped = false;
  return {
    stream,
    act: async (action) => {
      if ("upsert" in action)
        await applied(await channelOf(action.upsert).upsert(action.rows as never));
      else if ("remove" in action)
        await applied(await channelOf(action.remove).remove(action.keys));
      else if ("revoke" in action) tidemark.revoke(action.revoke as never);
      else {
        isStopped = true;
        await tidemark.stop();
      }
    },
    stop: async () => {
      if (!isStopped) await tidemark.stop();
    },
  };
}

/** Resolves for a commit when a session beside the recorded one has been brought there. */
async function observer(stream: string): Promise<(seq: number) => Promise<void>> {
  const socket = new WebSocket(stream);
  const auth = { user: "observer" };
  const waiting = new Map<() => void, number>();
  let reached = 0;
  await new Promise<void>((ready) => {
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const { op, type, seq } = JSON.parse(String(data)) as Readonly<Record<string, unknown>>;
      if (op === "HELLO")
        socket.send(JSON.stringify({ op: "IDENTIFY", auth, subscriptions: ["trades"] }));
      if (type !== "WATERMARK") return;
      ready();
      reached = Number(seq);
      for (const [resolve, wanted] of waiting)
        if (wanted <= reached) {
          waiting.delete(resolve);
          resolve();
        }
    });
  });
  return async (seq) => {
    if (seq > reached) await new Promise<void>((resolve) => waiting.set(resolve, seq));
  };
}
