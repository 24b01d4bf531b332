/**
 * The writer of a ClickHouse store and the engine are killed in the middle of batches: what was
 * reported as durable is there once, and nothing else is.
 */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clickhouse } from "../src/history/clickhouse/index.ts";
import { seededRandom } from "../src/std/random.ts";
import {
  hasClickHouse,
  startClickHouse,
  type ClickHouseServer,
} from "./support/clickhouse-server.ts";
import { batchAfter, CHANNELS, entriesOf } from "./support/history-script.ts";

/** `HISTORY_KILLS=200` for a long run. */
const KILLS = Number(process.env["HISTORY_KILLS"] ?? 3);
const WRITER = fileURLToPath(new URL("support/clickhouse-writer.ts", import.meta.url));
const LEASE_MS = 300;

describe.skipIf(!hasClickHouse())("a ClickHouse store", () => {
  let server: ClickHouseServer;
  beforeAll(async () => {
    server = await startClickHouse();
  });
  afterAll(() => server.remove());

  it(
    "holds every durable batch once, and of none a part, after kill -9 of writer and engine",
    async () => {
      const random = seededRandom(Number(process.env["HISTORY_SEED"] ?? 1));
      let checked = 0;
      for (let kill = 1; kill <= KILLS; kill++) {
        const writer = new Writer(server.url);
        await writer.batches(1 + Math.floor(random.next() * 5));
        if (kill % 2 === 0) {
          await server.kill();
          await server.start();
          // It goes on, with a batch in place of the one whose outcome it did not know.
          await writer.batches(2);
        }
        await writer.kill();
        checked = await expectScript(server.url, checked, writer.seq);
      }
    },
    KILLS * 30_000,
  );

  it("never reads what a writer that is gone has left or sends late", async () => {
    const store = clickhouse(server.url, { limits: { leaseMs: LEASE_MS } });
    const { seq } = await store.open();
    for (const channel of CHANNELS) await store.declare({ channel, source: undefined });
    await store.close();
    const client = createClient({ url: server.url });
    const leave = (key: string) =>
      client.insert({
        table: "tidemark.trades",
        columns: ["_seq", "_epoch", "_kind", "_time_ms", "_key", "_row"],
        values: [[seq + 1, 1, "upsert", 0, key, JSON.stringify({ id: key })]],
        format: "JSONCompactEachRow",
      });
    await leave("left");
    await store.open();
    await leave("late");
    await store.write(batchAfter(seq));
    const channels = CHANNELS.map(({ name }) => name);
    const query = { channels, after: seq, through: seq + 1, entriesMax: 1_000_000 };
    expect((await store.changes(query)).entries).toEqual(entriesOf(seq + 1));
    await store.close();
    await client.close();
    await expectScript(server.url, seq, seq + 3);
  });

  it("is refused to a second process while the first one lives, and free when it has closed", async () => {
    const open = () => clickhouse(server.url, { limits: { leaseMs: 3_000 } });
    const [first, second] = [open(), open()];
    const { seq } = await first.open();
    await expect(second.open()).rejects.toMatchObject({ code: "HISTORY_IN_USE" });
    await first.close();
    expect((await second.open()).seq).toBe(seq);
    await second.close();
  });
});

/** The store holds the script up to its seq, which it returns, and at least up to `durable`. */
async function expectScript(url: string, after: number, durable: number): Promise<number> {
  const store = clickhouse(url, { limits: { leaseMs: LEASE_MS } });
  const { seq, sourcePositions, requestIds, timeMs } = await store.open();
  try {
    expect(seq).toBeGreaterThanOrEqual(durable);
    expect(timeMs).toBe(seq * 10);
    expect(sourcePositions).toEqual([["script", String(seq)]]);
    expect(requestIds.at(-1)).toBe(`request ${seq}`);
    expect(new Set(requestIds).size).toBe(requestIds.length);
    const { entries } = await store.changes({
      channels: CHANNELS.map(({ name }) => name),
      after,
      through: seq + 100,
      entriesMax: 1_000_000,
    });
    const expected = Array.from({ length: seq - after }, (_, index) =>
      entriesOf(after + 1 + index),
    ).flat();
    expect(entries).toEqual(expected);
    return seq;
  } finally {
    await store.close();
  }
}

class Writer {
  readonly #child: ChildProcess;
  seq = 0;

  constructor(url: string) {
    this.#child = fork(WRITER, [url, String(LEASE_MS)], { execArgv: ["--import", "tsx"] });
    this.#child.on("message", ({ seq }: { readonly seq: number }) => {
      this.seq = seq;
    });
  }

  /** Resolves when so many more batches are durable. */
  batches(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = count;
      const onMessage = (): void => {
        if (--left > 0) return;
        this.#child.off("message", onMessage);
        resolve();
      };
      this.#child.on("message", onMessage);
      this.#child.once("exit", (code) => reject(new Error(`The writer ended with ${code}.`)));
    });
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
