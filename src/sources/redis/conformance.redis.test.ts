/** A Redis stream passes the suite of all sources. */
import { afterAll, beforeAll, describe } from "vitest";
import { redisPath, startRedis, type RedisServer } from "../../../test/support/redis-server.ts";
import { sourceConformance, type OutsideWorld } from "../conformance.ts";
import { redisStream } from "./index.ts";

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
});
