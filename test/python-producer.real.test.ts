/**
 * The Python producer of the examples through a real Redis into a server: a client sees every row
 * once and in order, although Redis is killed in the middle.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { createTidemark } from "../src/index.ts";
import { createClient } from "../src/client/node.ts";
import { redisPubSub, redisStream } from "../src/sources/redis/index.ts";
import { redisPath, startRedis } from "./support/redis-server.ts";
import { silent } from "./support/silent.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

afterEach(stopAll);

const python = [process.env["PYTHON_PATH"], "/usr/bin/python3"].find(
  (path) =>
    path !== undefined && spawnSync(path, ["-c", "import redis"], { stdio: "ignore" }).status === 0,
);
const RECORDS = 900;

interface Tick {
  readonly _id: string;
  readonly symbol: string;
  readonly n: number;
}

/** Starts the producer. Resolves when it has ended well. */
function produce(url: string): Promise<unknown> {
  const args = ["--stream", "ticks", "--publish", "ticks"];
  const child = spawn(
    String(python),
    ["producer.py", url, ...args, "--records", String(RECORDS), "--per-second", "600"],
    {
      cwd: fileURLToPath(new URL("../examples/python", import.meta.url)),
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  atEnd(() => child.kill());
  return new Promise((resolve) => child.once("exit", resolve));
}

describe.skipIf(python === undefined || redisPath === undefined)("the Python producer", () => {
  it("reaches a client through a stream, each row once and in order, and through pub/sub, complete, while Redis is killed", async () => {
    const redis = await startRedis();
    atEnd(() => redis.remove());
    const store = redis.client();
    const limits = { reconnectBaseMs: 10, reconnectCapMs: 50 };
    const tidemark = createTidemark({
      logger: silent,
      sources: [
        redisStream({
          url: redis.url,
          stream: "ticks",
          group: "test",
          channels: { ticks: {} },
          limits,
        }),
        redisPubSub({
          url: redis.url,
          subscribe: ["ticks"],
          channels: {
            ticks: {
              channel: "published",
              key: "n",
              // The stream is the store of what is published.
              read: async () =>
                (await store.xrange("ticks", "-", "+")).flatMap(([, [, text = ""]]) => {
                  const { rows } = JSON.parse(text) as { rows: [string, number, number][] };
                  return rows.map(([symbol, n, price]) => ({ symbol, n, price }));
                }),
            },
          },
          limits,
        }),
      ],
    });
    atEnd(() => tidemark.stop());
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({ url: `${url.replace("http", "ws")}/v2/stream` });
    atEnd(() => client.close());

    const entered: Tick[] = [];
    const ticks = client.live({ channel: "ticks" });
    const unfollow = ticks.subscribeChanges(({ upserts }) => {
      entered.push(...(upserts as unknown as Tick[]));
    });
    const published = client.live({ channel: "published" });
    atEnd(published.subscribe(() => {}));
    atEnd(unfollow);
    const ended = produce(redis.url);
    for (const countMin of [200, 500]) {
      await expect.poll(() => entered.length, { timeout: 20_000 }).toBeGreaterThan(countMin);
      await redis.kill();
      await redis.start();
    }
    expect(await ended).toBe(0);
    await expect.poll(() => ticks.getSnapshot().rows.length, { timeout: 20_000 }).toBe(RECORDS);
    await expect.poll(() => published.getSnapshot().rows.length, { timeout: 20_000 }).toBe(RECORDS);
    expect(entered.map(({ n }) => n)).toEqual(Array.from({ length: RECORDS }, (_each, n) => n));
    const ids = entered.map(({ _id }) => _id);
    expect(new Set(ids).size).toBe(RECORDS);
    await expect.poll(() => published.getSnapshot().status).toBe("live");
    await expect.poll(() => ticks.getSnapshot().status).toBe("live");
    const numbers = published.getSnapshot().rows.map((row) => (row as unknown as Tick).n);
    expect(numbers.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: RECORDS }, (_each, n) => n),
    );
    // Everything is acknowledged.
    await expect
      .poll(async () => ((await store.xpending("ticks", "test")) as unknown[])[0])
      .toBe(0);
  });
});
