/** A Redis stream: what is acknowledged when, restarts, other consumers, trimmed and bad entries. */
import { describe, expect, it } from "vitest";
import { hostSources } from "../../../test/support/hosted-source.ts";
import { redisPath } from "../../../test/support/redis-server.ts";
import { redisForTests } from "../../../test/support/redis-test.ts";
import { redisStream, type RedisStreamOptions } from "./index.ts";

const FAST = { reconnectBaseMs: 10, reconnectCapMs: 50, blockMs: 50 };

describe.skipIf(redisPath === undefined)("a Redis stream", () => {
  const redis = redisForTests("stream");

  const open = (options: Partial<RedisStreamOptions> = {}) =>
    redisStream({
      url: redis.server.url,
      stream: redis.name,
      group: "tidemark",
      channels: { ticks: { key: "id" } },
      ...options,
      limits: { ...FAST, ...options.limits },
    });
  const raw = (text: string): Promise<string | null> =>
    redis.client.xadd(redis.name, "*", "data", text);
  const publish = (...rows: readonly (readonly unknown[])[]): Promise<string | null> =>
    raw(JSON.stringify({ type: "table_rows", table: "ticks", columns: ["id", "n"], rows }));
  const pending = async (): Promise<number> =>
    Number(((await redis.client.xpending(redis.name, "tidemark")) as unknown[])[0]);
  const numbers = (rows: readonly object[]): readonly unknown[] =>
    rows.map((row) => (row as { n: unknown }).n);

  it("is acknowledged when it is durable; after a crash the log gets what was not durable, in order, and nothing twice", async () => {
    const durable: (() => void)[] = [];
    const gate = (): Promise<void> => new Promise((resolve) => durable.push(resolve));
    const first = await hostSources({ durable: gate });
    const source = await first.start(open());
    await publish(["a", 1]);
    await expect.poll(() => numbers(first.upserts("ticks"))).toEqual([1]);
    const stored = String(first.replica.sourcePositionOf("redis"));
    expect(await pending()).toBe(1);
    for (const resolve of durable.splice(0)) resolve();
    await expect.poll(pending).toBe(0);
    await publish(["b", 2], ["c", 3]);
    await publish(["d", 4]);
    await expect.poll(() => numbers(first.upserts("ticks"))).toEqual([1, 2, 3, 4]);
    expect(await pending()).toBe(2);
    await source.stop();
    await publish(["e", 5]);

    // The store holds the first row alone.
    const second = await hostSources({ positions: { redis: stored } });
    await second.start(open());
    expect(numbers(second.upserts("ticks"))).toEqual([2, 3, 4, 5]);
    expect(second.state("ticks")).toMatchObject({ status: "live" });
    await expect.poll(pending).toBe(0);
    await publish(["f", 6]);
    await expect.poll(() => numbers(second.upserts("ticks"))).toEqual([2, 3, 4, 5, 6]);

    // A log that is empty again gets the whole stream, acknowledged entries included.
    const third = await hostSources();
    await third.start(open({ group: "tidemark", consumer: "another" }));
    expect(numbers(third.upserts("ticks"))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("gives rows without a key the entry's id and their index; integers are exact; commits are bounded", async () => {
    const host = await hostSources();
    const id = await redis.client.xadd(
      redis.name,
      "*",
      "other",
      "x",
      "data",
      '{"type":"table_rows","table":"trades","columns":["id","at"],"rows":[[9007199254740993,"x 12345678901234567890"],[5,1.5]]}',
    );
    await raw('{"type":"table_rows","table":"trades","rows":[{"id":-12345678901234567890}]}');
    for (let n = 0; n < 6; n++) await publish(["a", n], [`k${n}`, n]);
    await raw('{"type":"table_rows","table":"ticks","removes":["a",["k0"]]}');
    await host.start(
      open({
        channels: {
          ticks: { key: ["id"], channel: "all ticks" },
          trades: { idColumn: "entry", columns: { id: "bigint" } },
        },
        limits: { rowsMax: 5 },
      }),
    );
    expect(host.rows("trades")).toEqual([
      { entry: `${id}-0`, id: "9007199254740993", at: "x 12345678901234567890" },
      { entry: `${id}-1`, id: 5, at: 1.5 },
      { entry: expect.stringMatching(/-0$/), id: "-12345678901234567890" },
    ]);
    expect(host.replica.table("trades")?.channel.columns).toEqual([
      { name: "entry", type: "text" },
      { name: "id", type: "bigint" },
    ]);
    expect(host.rows("all ticks").map(({ id: key }) => key)).toEqual([
      "k1",
      "k2",
      "k3",
      "k4",
      "k5",
    ]);
    const sizes = host.commits.flatMap(({ changes }) =>
      changes.map(({ upserts }) => upserts.length),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5);
  });

  it("counts messages that it can't take, by cause, logs each cause once, acknowledges them, and goes on", async () => {
    const host = await hostSources();
    await host.start(open({ limits: { messageLengthMax: 1_000 } }));
    const rows = (fields: object): string =>
      JSON.stringify({ type: "table_rows", table: "ticks", ...fields });
    const texts = [
      "no json",
      '{"type":"table_rows","table":"ticks","columns":["id"],"rows":[[NaN]]}',
      "[]",
      rows({ type: "hello" }),
      rows({ table: "nothing" }),
      rows({ columns: ["n"], rows: [[1]] }),
      rows({ columns: ["id", "n"], rows: [["a", 1], ["b"]] }),
      rows({ columns: ["id", "id"], rows: [] }),
      rows({ rows: [["a"]] }),
      rows({ rows: "a" }),
      rows({ rows: ["a"] }),
      rows({ rows: [{ n: 1 }] }),
      rows({ removes: [["a", "b"]] }),
      rows({ removes: "a" }),
      `${rows({ rows: [{ id: "a", deep: 0 }] }).replace("0", "[".repeat(300) + "]".repeat(300))}`,
      "x".repeat(2_000),
      '{"type":"table_update","table":"ticks"}',
    ];
    for (const text of texts) await raw(text);
    await redis.client.xadd(redis.name, "*", "body", "x");
    for (let n = 0; n < 12; n++) await raw("no json either");
    await publish(["good", 1]);
    await expect.poll(() => host.rows("ticks")).toEqual([{ id: "good", n: 1 }]);
    await expect.poll(pending).toBe(0);
    const causes = host.logged.map(({ fields }) => (fields as { cause: string }).cause);
    expect(new Set(causes).size).toBe(causes.length);
    expect(causes.length).toBe(17);
    expect(host.logged[0]?.fields).toMatchObject({ cause: "it is not JSON", example: "no json" });
    expect(host.refused.at(-1)).toEqual({
      table: `redis: stream ${redis.name}`,
      reason: expect.stringContaining("it is not JSON (10)"),
    });
    expect(host.state("ticks")).toMatchObject({ status: "live" });
  });

  it("does not read on while too many rows are not durable, and says so", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const host = await hostSources({ durable: () => gate });
    await host.start(open({ limits: { inFlightRowsMax: 10, entriesMax: 5, rowsMax: 5 } }));
    for (let n = 0; n < 40; n++) await publish([`k${n}`, n]);
    await expect
      .poll(() => host.state("ticks"))
      .toMatchObject({ status: "catching_up", reason: expect.stringContaining("history store") });
    expect(host.upserts("ticks").length).toBeLessThanOrEqual(15);
    expect(await pending()).toBeGreaterThan(0);
    release();
    await expect.poll(() => host.upserts("ticks").length).toBe(40);
    expect(numbers(host.upserts("ticks"))).toEqual(Array.from({ length: 40 }, (_each, n) => n));
    await expect.poll(() => host.state("ticks")).toMatchObject({ status: "live" });
    await expect.poll(pending).toBe(0);
  });

  it("takes over entries that another consumer was given and never acknowledged; newer rows stay", async () => {
    await publish(["before", 1]);
    await redis.client.xgroup("CREATE", redis.name, "tidemark", "0");
    const steal = (): Promise<unknown> =>
      redis.client.xreadgroup("GROUP", "tidemark", "dead", "COUNT", 1, "STREAMS", redis.name, ">");
    await steal();
    const host = await hostSources();
    await host.start(open({ limits: { claimIdleMs: 150 } }));
    // Given to another consumer before the start, and in its place nevertheless.
    expect(numbers(host.upserts("ticks"))).toEqual([1]);
    // The transaction gives an entry to the other consumer before the source can read it.
    const transaction = redis.client.multi();
    for (const rows of [
      [
        ["late", 2],
        ["both", 2],
      ],
    ])
      transaction.xadd(
        redis.name,
        "*",
        "data",
        JSON.stringify({ type: "table_rows", table: "ticks", columns: ["id", "n"], rows }),
      );
    transaction.xreadgroup("GROUP", "tidemark", "dead", "COUNT", 1, "STREAMS", redis.name, ">");
    await transaction.exec();
    await publish(["both", 3]);
    await expect
      .poll(() => new Map(host.rows("ticks").map(({ id, n }) => [id, n])))
      .toEqual(
        new Map([
          ["before", 1],
          ["both", 3],
          ["late", 2],
        ]),
      );
    await expect.poll(pending).toBe(0);
    const both = host.upserts("ticks").filter(({ id }) => id === "both");
    expect(numbers(both)).toEqual([3, 3]);
  });

  it("says that rows are missing when entries were trimmed before it read them", async () => {
    const first = await hostSources({ durable: () => new Promise(() => {}) });
    const source = await first.start(open());
    await publish(["a", 1]);
    await publish(["b", 2]);
    await expect.poll(() => first.upserts("ticks").length).toBe(2);
    const stored = String(first.replica.sourcePositionOf("redis"));
    await source.stop();
    for (let n = 3; n < 8; n++) await publish(["c", n]);
    // Nothing is missing while all entries that were not read are there.
    await redis.client.xtrim(redis.name, "MAXLEN", 5);
    const second = await hostSources({ positions: { redis: stored } });
    await (await second.start(open())).stop();
    expect(second.state("ticks")).toMatchObject({ status: "live" });
    const read = String(second.replica.sourcePositionOf("redis"));
    for (let n = 8; n < 12; n++) await publish(["d", n]);
    await redis.client.xtrim(redis.name, "MAXLEN", 1);
    const third = await hostSources({ positions: { redis: read } });
    await third.start(open());
    expect(third.state("ticks")).toMatchObject({
      status: "stale",
      reason: expect.stringMatching(/^3 entries were trimmed/),
    });
    expect(numbers(third.upserts("ticks"))).toEqual([11]);
    expect(third.replica.asOf).toEqual({});
  });

  it("says so too when entries were trimmed that a consumer was given and that the log lacks", async () => {
    await redis.client.xgroup("CREATE", redis.name, "tidemark", "0", "MKSTREAM");
    for (let n = 0; n < 2; n++) await publish(["a", n]);
    await redis.client.xreadgroup("GROUP", "tidemark", "dead", "STREAMS", redis.name, ">");
    await redis.client.xtrim(redis.name, "MAXLEN", 0);
    await publish(["b", 2]);
    const host = await hostSources();
    await host.start(open());
    expect(numbers(host.upserts("ticks"))).toEqual([2]);
    expect(host.state("ticks")).toMatchObject({
      status: "stale",
      reason: expect.stringMatching(/^2 entries were trimmed/),
    });
  });

  it("starts while Redis is down: it is stale with a reason, and live when Redis is there", async () => {
    await publish(["a", 1]);
    await redis.server.kill();
    const host = await hostSources();
    await host.start(open());
    expect(host.state("ticks")).toMatchObject({
      status: "stale",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    await redis.server.start();
    await expect.poll(() => host.state("ticks")).toMatchObject({ status: "live" });
    expect(numbers(host.upserts("ticks"))).toEqual([1]);
    // A stream of that name may hold something else.
    await redis.client.set("wrong", "x");
    const wrong = await hostSources();
    await wrong.start(open({ stream: "wrong" }));
    expect(wrong.state("ticks")).toMatchObject({
      status: "stale",
      reason: expect.stringContaining("WRONGTYPE"),
    });
  });

  it("does not take a Redis that no longer answers for a stream without entries", async () => {
    const host = await hostSources();
    await host.start(open({ limits: { answerMsMax: 200 } }));
    await publish(["a", 1]);
    await expect.poll(() => host.rows("ticks").length).toBe(1);
    const thaw = redis.server.freeze();
    await expect
      .poll(() => host.state("ticks"))
      .toMatchObject({
        status: "stale",
        reason: expect.stringContaining("no answer"),
      });
    const { asOf } = host.replica;
    thaw();
    await expect.poll(() => host.state("ticks")).toMatchObject({ status: "live" });
    await publish(["a", 2]);
    await expect.poll(() => host.rows("ticks")).toEqual([{ id: "a", n: 2 }]);
    expect(host.replica.asOf["redis"]).toBeGreaterThan(asOf["redis"] ?? 0);
  });

  it("acknowledges entries that the log has, and that it is given again, without appending them", async () => {
    const host = await hostSources();
    await host.start(open());
    for (let n = 0; n < 5; n++) await publish(["a", n]);
    await expect.poll(() => host.upserts("ticks").length).toBe(5);
    // The source makes the group anew, from the stream's beginning.
    await redis.client.xgroup("DESTROY", redis.name, "tidemark");
    await publish(["b", 5]);
    await expect.poll(() => numbers(host.upserts("ticks"))).toEqual([0, 1, 2, 3, 4, 5]);
    await expect.poll(() => host.state("ticks")).toMatchObject({ status: "live" });
    await expect.poll(pending).toBe(0);
    await publish(["c", 6]);
    await expect.poll(() => numbers(host.upserts("ticks"))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
