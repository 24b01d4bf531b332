/** Server and client with the same option `paths`: every carrier and every call finds its route. */
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { routeAddress } from "../src/client/connection/route-address.ts";
import { createClient, createReplay } from "../src/client/node.ts";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { channel, createTidemark, mutation, type Tidemark } from "../src/index.ts";
import { ManualClock } from "../src/std/manual-clock.ts";
import { silent } from "./support/silent.ts";
import { WireClient } from "./support/wire-client.ts";

const paths = {
  base: "/dashboard",
  snapshot: "/snapshot-v2",
  stream: "/stream-v2",
  sse: "/events",
  up: "/said",
  changes: "/poll",
  rows: "/row",
  channels: "/tables",
  mutations: "/write",
  history: "/past",
  replay: "/again",
  telemetry: "/about-pages",
} as const;

const channels = {
  trades: channel<{ id: string; price: number }>({ key: "id", history: { maxDelayMs: 1 } }),
};

const mutations = {
  put: mutation({
    source: "memory",
    input: z.object({ id: z.string(), price: z.number() }),
    handler: ({ input, write }) => write.upsert("trades", input),
  }),
};

describe("a server and clients with renamed routes", () => {
  let tidemark: Tidemark;
  let url = "";
  let operators = "";
  beforeAll(async () => {
    tidemark = createTidemark({
      channels,
      paths,
      history: new ScriptedStore(),
      telemetry: true,
      logger: silent,
      mutations,
    });
    ({ url } = await tidemark.listen({ port: 0 }));
    ({ url: operators } = await tidemark.listenForOperators());
    await tidemark.durable(await tidemark.channel("trades").upsert({ id: "a", price: 1 }));
  });
  afterAll(() => tidemark.stop());

  it.each(["websocket", "sse", "long-poll", "poll"] as const)(
    "meet over %s: live rows, a write, one row, a description, and answers",
    async (carrier) => {
      const client = createClient<typeof channels, typeof mutations>({
        url: `${url}/dashboard/stream-v2`,
        paths,
        carriers: [carrier],
        pollIntervalMs: 10,
      });
      try {
        const view = client.live({ channel: "trades" });
        view.subscribe(() => {});
        await expect.poll(() => view.getSnapshot().status).toBe("live");
        const row = { id: carrier, price: 2 };
        await client.mutate.put(row);
        await expect.poll(() => view.row(carrier)).toEqual(row);
        expect((await client.row("trades", carrier)).row).toEqual(row);
        expect((await client.describe("trades")).key).toEqual(["id"]);
        // A long poll under way keeps requests of low priority waiting until it is answered.
        if (carrier === "long-poll") return;
        expect((await client.fetch({ channel: "trades" })).rows).toContainEqual(row);
        expect((await client.history({ channel: "trades" })).rows).toContainEqual(row);
      } finally {
        client.close();
      }
    },
  );

  it.each(["websocket", "sse", "long-poll", "poll"] as const)(
    "meet over %s when the page reports of itself",
    async (carrier) => {
      const clock = new ManualClock();
      const before = await reports();
      const client = createClient({
        url: `${url}/dashboard/stream-v2`,
        paths,
        clock,
        telemetry: true,
        carriers: [carrier],
        pacing: {
          next: (take) => void clock.after(16, () => take(clock.monotonic())),
          watchHidden: (tell) => {
            tell(false);
            return () => {};
          },
        },
      });
      try {
        client.live({ channel: "trades" }).subscribe(() => {});
        // Each step has a round trip to the server, so the connection gets on, too.
        const step = async (): Promise<number> => {
          clock.advance(200);
          return reports();
        };
        await expect.poll(step, { timeout: 20_000, interval: 1 }).toBe(before + 1);
      } finally {
        client.close();
      }
      // The last frame that was asked for asks for no other.
      clock.advance(16);
      expect(clock.pending).toBe(0);
    },
  );

  /** How many reports of pages the server has counted. */
  async function reports(): Promise<number> {
    const text = await (await fetch(`${operators}/metrics`)).text();
    return Number(/^ui_render_drop_ratio_count (\d+)$/m.exec(text)?.[1]);
  }

  it("meet in a replay", async () => {
    const past = createReplay({ url: `${url}/dashboard/again`, paths, from: 0, speed: Infinity });
    try {
      const view = past.live({ channel: "trades" });
      view.subscribe(() => {});
      await expect.poll(() => view.row("a")).toEqual({ id: "a", price: 1 });
    } finally {
      past.close();
    }
  });

  it("boot as existing clients do: the snapshot, then the stream from its seq", async () => {
    const trades = tidemark.channel("trades");
    const answer = await fetch(`${url}/dashboard/snapshot-v2?channels=trades`);
    const { snapshot_seq, epoch } = (await answer.json()) as Record<string, unknown>;
    await trades.upsert({ id: "after", price: 3 });
    const client = new WireClient(`${url.replace("http", "ws")}/dashboard/stream-v2`);
    try {
      await client.next({ op: "HELLO" });
      client.send({ op: "IDENTIFY", subscriptions: ["trades"], snapshot_seq, epoch });
      await client.next({ type: "READY" });
      expect(await client.next({ type: "SUBSCRIBED" })).toMatchObject({ mode: "delta" });
      expect(await client.next({ type: "DELTA_BATCH" })).toMatchObject({
        patch: { upsert: [{ id: "after", price: 3 }], remove: [] },
      });
    } finally {
      client.close();
    }
  });

  it("do not meet under the usual names", async () => {
    const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
    expect(await status("/v2/snapshot?channels=trades")).toBe(404);
    expect(await status("/dashboard/snapshot?channels=trades")).toBe(404);
    expect(await status("/dashboard/snapshot-v2?channels=trades")).toBe(200);
  });
});

describe("the address of a route", () => {
  it.each([
    ["ws://h/v2/stream", undefined, "/changes?wait_ms=0", "http://h/v2/changes?wait_ms=0"],
    ["wss://h:1/a/v2/stream", undefined, "/rows/t/a%2Fb", "https://h:1/a/v2/rows/t/a%2Fb"],
    ["ws://h/v2/stream", undefined, "/visible", "http://h/v2/landed"],
    ["ws://h/v2/stream", { visible: "/seen" }, "/visible", "http://h/v2/seen"],
    [
      "ws://h/live/s",
      { stream: "/s", up: "/in/up" },
      "/up?session=1",
      "http://h/live/in/up?session=1",
    ],
    ["ws://h/live/a/b", { base: "/live", stream: "/a/b" }, "/sse", "http://h/live/sse"],
  ] as const)("of %s with %j: %s is %s", (url, renamed, route, address) => {
    expect(routeAddress({ url, paths: renamed }, route)).toBe(address);
  });
});
