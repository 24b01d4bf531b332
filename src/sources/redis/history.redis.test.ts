/** A Redis stream over a history store: what a server that stops before the store has its rows leaves. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { makeFolder } from "../../../test/support/shared-folder.ts";
import { redisPath, startRedis } from "../../../test/support/redis-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { atEnd, stopAll } from "../../../test/support/trades-server.ts";
import { ScriptedStore } from "../../history/scripted-store.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { redisStream } from "./index.ts";

afterEach(stopAll);

describe.skipIf(redisPath === undefined)("a Redis stream with history", () => {
  it("is acknowledged when the store has it, and the store has each row once, in order, after a restart", async () => {
    const redis = await startRedis();
    atEnd(() => redis.remove());
    const client = redis.client();
    const folder = makeFolder("tidemark-redis-history-");
    atEnd(() => rm(folder, { recursive: true }));
    let sent = 0;
    const publish = (rows: number): Promise<unknown> => {
      const message = {
        type: "table_rows",
        table: "ticks",
        columns: ["n"],
        rows: Array.from({ length: rows }, () => [sent++]),
      };
      return client.xadd("ticks", "*", "data", JSON.stringify(message));
    };
    const pending = async (): Promise<unknown> =>
      ((await client.xpending("ticks", "tidemark")) as unknown[])[0];
    const store = new ScriptedStore(join(folder, "spill"));
    const start = async () => {
      const tidemark = createTidemark({
        history: store,
        limits: { history: { retryMs: 5, retryMsMax: 20 } },
        logger: silent,
        sources: [
          redisStream({
            url: redis.url,
            stream: "ticks",
            group: "tidemark",
            channels: { ticks: { history: { maxRows: 5, maxDelayMs: 10 } } },
            limits: { blockMs: 50 },
          }),
        ],
      });
      atEnd(() => tidemark.stop());
      await tidemark.start();
      const rowsOf = (): unknown =>
        (tidemark.stats()["channels"] as { readonly rows: number }[])[0]?.rows;
      return { tidemark, rowsOf };
    };
    const stored = (): readonly unknown[] => store.entries.map(({ row }) => row?.["n"]);

    const first = await start();
    for (let entry = 0; entry < 4; entry++) await publish(3);
    await expect.poll(stored).toHaveLength(12);
    await expect.poll(pending).toBe(0);
    // The store fails: clients see the rows, and nothing is acknowledged.
    store.onWrite = () => Promise.reject(new Error("the disk is full"));
    for (let entry = 0; entry < 4; entry++) await publish(3);
    await expect.poll(first.rowsOf).toBe(24);
    expect(await pending()).toBe(4);
    expect(stored()).toHaveLength(12);
    await first.tidemark.stop();
    expect(await pending()).toBe(4);

    store.onWrite = () => {};
    await publish(1);
    const second = await start();
    await expect.poll(second.rowsOf).toBe(25);
    await expect.poll(stored).toEqual(Array.from({ length: 25 }, (_each, n) => n));
    await expect.poll(pending).toBe(0);
  });
});
