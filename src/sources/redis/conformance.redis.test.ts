/** A Redis stream, and pub/sub with rows and with notices, pass the suite of all sources. */
import { afterAll, beforeAll, describe } from "vitest";
import { redisPath, startRedis, type RedisServer } from "../../../test/support/redis-server.ts";
import { sourceConformance, type OutsideWorld } from "../conformance.ts";
import type { Source } from "../source.ts";
import { redisPubSub, redisStream } from "./index.ts";

const limits = { reconnectBaseMs: 10, reconnectCapMs: 50, blockMs: 200 };
const columns = { id: "text", value: "text" } as const;

describe.skipIf(redisPath === undefined)("redis", () => {
  let server: RedisServer;
  let count = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.remove());

  const disconnect = async () => {
    await server.kill();
    return () => server.start();
  };

  sourceConformance("a Redis stream", (): Promise<OutsideWorld> => {
    const stream = `stream-${++count}`;
    const client = server.client();
    const rows = new Map<string, string>();
    const send = async (message: object): Promise<void> => {
      const text = JSON.stringify({ type: "table_rows", table: "items", ...message });
      await client.xadd(stream, "*", "data", text);
    };
    return Promise.resolve({
      channel: "items",
      source: () =>
        redisStream({
          url: server.url,
          stream,
          group: "tidemark",
          channels: { items: { key: "id", columns } },
          limits,
        }),
      set: async (changed) => {
        await send({ columns: ["id", "value"], rows: Object.entries(changed) });
        for (const [id, value] of Object.entries(changed)) rows.set(id, value);
      },
      remove: async (id) => {
        await send({ removes: [id] });
        rows.delete(id);
      },
      rows: () => Promise.resolve(new Map(rows)),
      disconnect,
      close: () => Promise.resolve(client.disconnect()),
    });
  });

  /** A hash is the store; each write publishes what `message` says, in the same transaction. */
  const pubSub = (
    message: (rows: Readonly<Record<string, string>>, removes: readonly string[]) => object,
    wrap: (source: Source) => Source,
  ): Promise<OutsideWorld> => {
    const name = `items-${++count}`;
    const client = server.client();
    const send = (rows: Readonly<Record<string, string>>, removes: readonly string[]) => {
      const transaction = client.multi();
      for (const [id, value] of Object.entries(rows)) transaction.hset(name, id, value);
      for (const id of removes) transaction.hdel(name, id);
      return transaction.publish(name, JSON.stringify(message(rows, removes))).exec();
    };
    return Promise.resolve({
      channel: "items",
      source: () =>
        wrap(
          redisPubSub({
            url: server.url,
            subscribe: [name],
            channels: {
              items: {
                key: "id",
                columns,
                read: async () =>
                  Object.entries(await client.hgetall(name)).map(([id, value]) => ({ value, id })),
              },
            },
            limits: { ...limits, readPauseMs: 1 },
          }),
        ),
      set: async (rows) => void (await send(rows, [])),
      remove: async (id) => void (await send({}, [id])),
      rows: async () => new Map(Object.entries(await client.hgetall(name))),
      disconnect,
      close: () => Promise.resolve(client.disconnect()),
    });
  };

  sourceConformance("Redis pub/sub", () =>
    pubSub(
      (rows, removes) => ({
        type: "table_rows",
        table: "items",
        columns: ["id", "value"],
        rows: Object.entries(rows),
        removes,
      }),
      (source) => source,
    ),
  );

  // Notices are followed while the table is watched; nobody watches in the suite.
  const watched = (source: Source): Source => ({
    name: source.name,
    start: (context) =>
      source.start({
        ...context,
        get sourcePosition() {
          return context.sourcePosition;
        },
        interest: {
          views: [{ channel: "items", query: { channel: "items" }, equals: {} }],
          onChange: () => () => {},
        },
      }),
    stop: () => source.stop(),
  });
  sourceConformance("Redis notices", () =>
    pubSub(() => ({ type: "table_update", table: "items" }), watched),
  );
});
