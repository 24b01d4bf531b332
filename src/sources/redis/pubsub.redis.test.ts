/** Redis pub/sub: what is lost and made up for, reads while messages come, notices, interest. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { hostSources } from "../../../test/support/hosted-source.ts";
import { redisPath } from "../../../test/support/redis-server.ts";
import { redisForTests } from "../../../test/support/redis-test.ts";
import { atEnd } from "../../../test/support/trades-server.ts";
import { redisPubSub, type RedisPubSubOptions, type RedisPubSubTable } from "./index.ts";

/** Passes bytes on to a port; while it holds, what comes back waits. */
async function startHoldingProxy(port: number) {
  const upstreams = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(port, "127.0.0.1");
    upstreams.add(upstream);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    hold: () => upstreams.forEach((each) => each.pause()),
    release: () => upstreams.forEach((each) => each.resume()),
  };
}

const FAST = { reconnectBaseMs: 10, reconnectCapMs: 50, readPauseMs: 1 };

describe.skipIf(redisPath === undefined)("Redis pub/sub", () => {
  const redis = redisForTests("topic");

  const open = (
    channels: Readonly<Record<string, RedisPubSubTable>>,
    options: Partial<RedisPubSubOptions> = {},
  ) =>
    redisPubSub({
      url: redis.server.url,
      subscribe: [redis.name],
      channels,
      ...options,
      limits: { ...FAST, ...options.limits },
    });
  const publish = (table: string, fields: object = {}): Promise<number> =>
    redis.client.publish(redis.name, JSON.stringify({ type: "table_rows", table, ...fields }));
  const notify = (table: string): Promise<number> => publish(table, { type: "table_update" });

  /** A store of rows, whose reads end when the test says so, or at once. */
  const storeOf = (...rows: readonly { id: string; n: number }[]) => {
    const store = {
      rows: [...rows],
      reads: 0,
      aborted: 0,
      gate: undefined as Promise<void> | undefined,
      error: undefined as Error | undefined,
      read: async (signal: AbortSignal): Promise<readonly object[]> => {
        store.reads++;
        signal.addEventListener("abort", () => store.aborted++);
        const seen = [...store.rows];
        await store.gate;
        if (store.error !== undefined) throw store.error;
        return seen;
      },
    };
    return store;
  };
  const gate = () => {
    let release = (): void => {};
    const closed = new Promise<void>((resolve) => {
      release = resolve;
    });
    return { closed, release };
  };

  it("needs read and key, or atMostOnce; rows without a key then get one", async () => {
    const read = (): Promise<readonly object[]> => Promise.resolve([]);
    expect(() => open({ t: { key: "id" } })).toThrow(/needs read/);
    expect(() => open({ t: {} })).toThrow(/needs key/);
    expect(() => open({ t: { read, atMostOnce: true } })).toThrow(/no key/);
    expect(() => open({})).toThrow(/at least one table/);
    expect(() => open({ t: { key: "id", read } }, { subscribe: [] })).toThrow(/subscribe/);
    const host = await hostSources();
    await host.start(open({ t: { atMostOnce: true } }));
    expect(host.state("t")).toMatchObject({ status: "live" });
    await publish("t", { columns: ["n"], rows: [[1], [2]] });
    await publish("t", { rows: [{ n: 3 }] });
    await expect.poll(() => host.rows("t").map(({ n }) => n)).toEqual([1, 2, 3]);
    const ids = host.rows("t").map(({ _id }) => String(_id));
    expect(new Set(ids).size).toBe(3);
    await notify("t");
    await redis.client.publish(redis.name, "no json");
    await expect.poll(() => host.logged.length).toBe(2);
    expect(host.refused.at(-1)?.reason).toContain("it is not JSON (1)");
  });

  it("keeps messages that come while a read runs, and appends only what differs", async () => {
    const store = storeOf({ id: "a", n: 1 }, { id: "b", n: 1 }, { id: "c", n: 1 });
    const host = await hostSources();
    await host.start(open({ t: { key: "id", read: store.read } }, { reconcileIntervalMs: 100 }));
    expect(host.rows("t").length).toBe(3);
    const { closed, release } = gate();
    store.gate = closed;
    host.watch("t");
    await expect.poll(() => store.reads).toBe(2);
    // The running read has seen none of these.
    await publish("t", {
      columns: ["n", "id"],
      rows: [
        [2, "a"],
        [2, "d"],
      ],
      removes: ["b"],
    });
    await expect.poll(() => host.rows("t").length).toBe(3);
    store.rows = [
      { id: "a", n: 2 },
      { id: "c", n: 1 },
      { id: "d", n: 2 },
    ];
    release();
    await expect.poll(() => store.reads).toBeGreaterThan(4);
    const rows = new Map(host.rows("t").map(({ id, n }) => [id, n]));
    expect(rows).toEqual(
      new Map([
        ["a", 2],
        ["c", 1],
        ["d", 2],
      ]),
    );
    expect(host.upserts("t").map(({ id, n }) => `${String(id)}${String(n)}`)).toEqual([
      "a1",
      "b1",
      "c1",
      "a2",
      "d2",
    ]);
    // A row that the pipeline never published, and one that it never took back.
    store.rows = [
      { id: "a", n: 2 },
      { id: "e", n: 1 },
    ];
    await expect.poll(() => host.rows("t").map(({ id }) => id)).toEqual(["a", "e"]);
    expect(host.upserts("t").length).toBe(6);
  });

  it("applies a read after the messages that its store had published before", async () => {
    const proxy = await startHoldingProxy(redis.server.port);
    const store = storeOf({ id: "a", n: 0 });
    const host = await hostSources();
    await host.start(
      open(
        { t: { key: "id", read: store.read }, last: { atMostOnce: true } },
        { url: `redis://127.0.0.1:${proxy.port}`, reconcileIntervalMs: 20, limits: { rowsMax: 1 } },
      ),
    );
    proxy.hold();
    await publish("t", { rows: [{ id: "a", n: 1 }] });
    await publish("t", { rows: [{ id: "a", n: 2 }] });
    await publish("last", { rows: [{ n: 1 }] });
    store.rows = [{ id: "a", n: 2 }];
    const { reads } = store;
    host.watch("t");
    await expect.poll(() => store.reads).toBeGreaterThan(reads);
    for (let trip = 0; trip < 5; trip++) await redis.client.ping();
    proxy.release();
    await expect.poll(() => host.rows("last").length).toBe(1);
    expect(host.rows("t")).toEqual([{ id: "a", n: 2 }]);
    const values = host.upserts("t").map(({ n }) => Number(n));
    expect(values).toEqual(values.toSorted((left, right) => left - right));
  });

  it("reads for a notice while it is watched, one at a time and once more; unwatched it says so and waits", async () => {
    const store = storeOf({ id: "a", n: 1 });
    const other = storeOf({ id: "x", n: 1 });
    const host = await hostSources();
    await host.start(
      open({ t: { key: "id", read: store.read }, other: { key: "id", read: other.read } }),
    );
    expect([store.reads, other.reads]).toEqual([1, 1]);
    store.rows = [{ id: "a", n: 2 }];
    await notify("t");
    await expect
      .poll(() => host.state("t"))
      .toMatchObject({ status: "catching_up", reason: expect.stringContaining("watched") });
    expect(store.reads).toBe(1);
    const unwatch = host.watch("t");
    await expect.poll(() => host.rows("t")).toEqual([{ id: "a", n: 2 }]);
    await expect.poll(() => host.state("t")).toMatchObject({ status: "live" });
    expect(store.reads).toBe(2);
    const { closed, release } = gate();
    store.gate = closed;
    await notify("t");
    await expect.poll(() => store.reads).toBe(3);
    store.rows = [{ id: "a", n: 3 }];
    for (let n = 0; n < 20; n++) await notify("t");
    release();
    await expect.poll(() => host.rows("t")).toEqual([{ id: "a", n: 3 }]);
    await expect.poll(() => host.state("t")).toMatchObject({ status: "live" });
    expect(store.reads).toBe(4);
    unwatch();
    await notify("t");
    await expect.poll(() => host.state("t")).toMatchObject({ status: "catching_up" });
    expect([store.reads, other.reads]).toEqual([4, 1]);
    expect(host.state("other")).toMatchObject({ status: "live" });
  });

  it("is stale while Redis is away, then catching up until what was missed is in the log", async () => {
    const store = storeOf({ id: "a", n: 1 });
    await redis.server.kill();
    const host = await hostSources();
    await host.start(open({ t: { key: "id", read: store.read }, loose: { atMostOnce: true } }));
    // The store was there already.
    expect(host.rows("t")).toEqual([{ id: "a", n: 1 }]);
    expect(host.state("t")).toMatchObject({
      status: "stale",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    const { closed, release } = gate();
    store.gate = closed;
    store.rows = [{ id: "a", n: 2 }];
    await redis.server.start();
    await expect.poll(() => host.state("t")).toMatchObject({ status: "catching_up" });
    await expect.poll(() => host.state("loose")).toMatchObject({ status: "live" });
    await expect.poll(() => store.reads).toBe(2);
    release();
    await expect.poll(() => host.state("t")).toMatchObject({ status: "live" });
    expect(host.rows("t")).toEqual([{ id: "a", n: 2 }]);
    const changed = host.commits.filter(({ changes }) => changes.length > 0);
    expect(changed.map(({ changes }) => changes[0]?.reload)).toEqual([true, undefined]);
  });

  it("says why a read failed, aborts one that takes too long, and recovers", async () => {
    const store = storeOf({ id: "a", n: 1 });
    const host = await hostSources();
    store.error = new Error("the store is away");
    await host.start(
      open(
        { t: { key: "id", read: store.read }, loose: { atMostOnce: true } },
        { limits: { readTimeoutMs: 50, readRowsMax: 2 } },
      ),
    );
    expect(host.state("t")).toMatchObject({
      status: "stale",
      reason: "read failed: the store is away",
    });
    host.watch("t");
    const fails = async (reason: string): Promise<void> => {
      await expect.poll(() => host.state("t")).toMatchObject({ status: "stale", reason });
    };
    store.error = undefined;
    store.rows = [{ n: 1 } as never];
    await fails('read failed: read of table "t" returned a row without a value in its key (id)');
    store.rows = ["a", "b", "c"].map((id) => ({ id, n: 1 }));
    await fails('read failed: read of table "t" returned 3 rows, more than the 2 of readRowsMax');
    const { closed, release } = gate();
    store.gate = closed;
    await fails("read failed: no answer for 0.05 s");
    expect(store.aborted).toBeGreaterThan(0);
    release();
    store.gate = undefined;
    store.rows = [{ id: "a", n: 1 }];
    await expect.poll(() => host.state("t")).toMatchObject({ status: "live" });
    expect(host.rows("t")).toEqual([{ id: "a", n: 1 }]);
    expect(host.state("loose")).toMatchObject({ status: "live" });
  });

  it("drops messages when too many wait, and makes up for them by a read", async () => {
    const store = storeOf();
    const host = await hostSources();
    await host.start(
      open({ t: { key: "id", read: store.read } }, { limits: { queuedRowsMax: 10, rowsMax: 5 } }),
    );
    store.rows = Array.from({ length: 40 }, (_each, n) => ({ id: `k${n}`, n }));
    const reads = store.reads;
    await Promise.all(
      Array.from({ length: 4 }, (_each, part) =>
        publish("t", {
          columns: ["id", "n"],
          rows: store.rows.slice(part * 10, part * 10 + 11).map(({ id, n }) => [id, n]),
        }),
      ),
    );
    await expect.poll(() => host.rows("t").length).toBe(40);
    await expect.poll(() => host.state("t")).toMatchObject({ status: "live" });
    expect(store.reads).toBeGreaterThan(reads);
    expect(host.logged.at(-1)?.message).toContain("dropped");
  });
});
