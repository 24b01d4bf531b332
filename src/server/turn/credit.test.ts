/** Backpressure in literal frames: credit in turns, paused channels, slow consumers, digests. */
import { afterEach, describe, expect, it } from "vitest";
import { startTrades as start, stopAll, trade } from "../../../test/support/trades-server.ts";
import type { Frame, WireClient } from "../../../test/support/wire-client.ts";
import { digestText, replaceHash, rowHash } from "../../protocol/digest.ts";
import { VERSIONS } from "../../protocol/version.ts";

afterEach(stopAll);

const turnsIn = (frames: readonly Frame[]): number =>
  frames.filter(({ type }) => type === "WATERMARK").length;

/** Resolves when the server has handled all earlier frames. */
async function settled(client: WireClient): Promise<void> {
  const from = client.frameCount;
  client.send({ op: "HEARTBEAT" });
  await client.next({ op: "HEARTBEAT_ACK" }, from);
}

async function openedWith(
  server: Awaited<ReturnType<typeof start>>,
  subscriptions: readonly unknown[],
  versions: Frame = VERSIONS,
): Promise<WireClient> {
  const client = server.connect();
  await client.next({ op: "HELLO" });
  client.send({ op: "IDENTIFY", ...versions, subscriptions });
  await client.next({ type: "READY" });
  for (let index = 0; index < subscriptions.length; index++)
    await client.next({ type: "SUBSCRIBED", index });
  await client.next({ type: "WATERMARK" });
  return client;
}

describe("credit", () => {
  it("is counted in turns; without any there is no turn, and then one coalesced delta (B1)", async () => {
    const server = await start();
    const trades = server.tidemark.channel("trades");
    const client = await openedWith(server, ["trades"]);
    client.send({ op: "CREDIT", turns: 1 });
    await settled(client);
    let from = client.frameCount;
    await trades.upsert(trade("a", "BTC", 1));
    await client.next({ type: "WATERMARK", seq: 2 }, from);
    from = client.frameCount;
    for (let price = 2; price <= 6; price++) {
      await trades.upsert(trade("a", "BTC", price));
      await settled(client);
    }
    // Longer than the watermark interval of an idle server.
    await expect
      .poll(async () => (await fetch(`${server.url}/metrics`)).text(), { timeout: 4_000 })
      .toContain("stream_v2_credit_exhausted_total 1");
    expect(turnsIn(client.frames.slice(from))).toBe(0);
    client.send({ op: "CREDIT", turns: 5 });
    expect(await client.next({ type: "DELTA_BATCH" }, from)).toMatchObject({
      seq: 7,
      patch: { upsert: [trade("a", "BTC", 6)], remove: [] },
    });
  });

  it("of a channel pauses that channel, which is listed in behind, while the other views are at H (B2)", async () => {
    const server = await start();
    const { tidemark } = server;
    const client = await openedWith(server, ["trades", "notes"]);
    client.send({ op: "CREDIT", channel_credit: { trades: 0 } });
    await settled(client);
    const from = client.frameCount;
    await tidemark.transact((tx) => {
      tx.upsert("trades", trade("a", "BTC", 1));
      tx.upsert("notes", { id: "n" });
    });
    expect(await client.next({ type: "DELTA_BATCH", channel: "notes" }, from)).toMatchObject({
      seq: 2,
    });
    expect(await client.next({ type: "WATERMARK", seq: 2 }, from)).toMatchObject({
      behind: ["trades"],
    });
    client.send({ op: "CREDIT", channel_credit: { trades: 1 } });
    expect(await client.next({ type: "DELTA_BATCH", channel: "trades" }, from)).toMatchObject({
      prev_seq: 1,
      seq: 2,
    });
    await tidemark.channel("trades").upsert(trade("a", "BTC", 2));
    expect(await client.next({ type: "WATERMARK", seq: 3 }, from)).toMatchObject({
      behind: ["trades"],
    });
    client.send({ op: "CREDIT", channel_credit: { trades: null } });
    expect(
      await client.next({ type: "DELTA_BATCH", channel: "trades", seq: 3 }, from),
    ).toMatchObject({ patch: { upsert: [trade("a", "BTC", 2)] } });
  });

  it("of one turn at a time is enough for a snapshot of many parts (B1, P8)", async () => {
    const server = await start({
      limits: { server: { frameBytesMax: 2_000, socketBufferBytesMax: 4_000 } },
    });
    const rows = Array.from({ length: 1_000 }, (_, index) => trade(`t${index}`, "BTC", index));
    await server.tidemark.channel("trades").upsert(rows);
    const client = server.connect();
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY", subscriptions: ["trades"] });
    client.send({ op: "CREDIT", turns: 1 });
    let seen = 0;
    for (;;) {
      const watermark = await client.next({ type: "WATERMARK" }, seen);
      seen = client.frames.indexOf(watermark) + 1;
      if (watermark["behind"] === undefined) break;
      client.send({ op: "CREDIT", turns: 1 });
    }
    const parts = client.frames.filter(({ type }) => type === "SNAPSHOT");
    expect(parts.length).toBeGreaterThan(10);
    expect(parts.flatMap(({ rows: part }) => part)).toEqual(rows);
    expect(turnsIn(client.frames)).toBeGreaterThan(5);
  });

  it("that is missing for long causes one NOTICE SLOW_CONSUMER, and the connection stays (B3)", async () => {
    const server = await start({ limits: { server: { slowConsumerMs: 50 } } });
    const trades = server.tidemark.channel("trades");
    const client = await openedWith(server, ["trades"]);
    client.send({ op: "CREDIT", turns: 0 });
    await settled(client);
    const from = client.frameCount;
    for (let price = 1; price <= 3; price++) await trades.upsert(trade("a", "BTC", price));
    await expect
      .poll(async () => (await fetch(`${server.url}/metrics`)).text(), { timeout: 4_000 })
      .toContain("stream_v2_slow_consumers 1");
    client.send({ op: "CREDIT", turns: 9 });
    expect(await client.next({ type: "NOTICE" }, from)).toMatchObject({
      code: "SLOW_CONSUMER",
      view: "trades",
      behind: 3,
      since_unix_ms: expect.any(Number),
    });
    expect(await client.next({ type: "DELTA_BATCH" }, from)).toMatchObject({ prev_seq: 1, seq: 4 });
    await trades.upsert(trade("a", "BTC", 4));
    await client.next({ type: "WATERMARK", seq: 5 }, from);
    expect(client.frames.slice(from).filter(({ type }) => type === "NOTICE")).toHaveLength(1);
    expect(client.closed).toBeUndefined();
  });

  it("is checked like every message (P3)", async () => {
    const server = await start();
    const client = await openedWith(server, []);
    client.send({ op: "CREDIT", turns: -1 });
    expect(await client.next({ op: "ERROR" })).toMatchObject({ code: "BAD_MESSAGE" });
  });
});

describe("the digest", () => {
  it("is the sum over the rows as sent (B4)", async () => {
    const server = await start({ limits: { server: { digestIntervalMs: 100 } } });
    const trades = server.tidemark.channel("trades");
    const client = await openedWith(server, [
      "trades",
      { channel: "trades", columns: ["price"], where: { column: "symbol", eq: "BTC" } },
    ]);
    const { view } = await client.next({ type: "SUBSCRIBED", index: 1 });
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "BTC", 3)]);
    await trades.upsert(trade("a", "BTC", 4));
    await trades.remove("b");
    const from = client.frameCount;
    const digestOf = (rows: readonly object[]): string =>
      digestText(rows.reduce((sum, row) => replaceHash(sum, 0, rowHash(JSON.stringify(row))), 0));
    const whole = digestOf([trade("a", "BTC", 4), trade("c", "BTC", 3)]);
    await expect
      .poll(
        () =>
          client.frames
            .slice(from)
            .find(({ digest, view: of }) => digest === whole && of === undefined),
        { timeout: 5_000 },
      )
      .toEqual({ op: "DISPATCH", type: "DIGEST", channel: "trades", seq: 4, digest: whole });
    const part = digestOf([
      { id: "a", price: 4 },
      { id: "c", price: 3 },
    ]);
    await expect
      .poll(
        () =>
          client.frames.slice(from).find(({ digest, view: of }) => digest === part && of === view),
        { timeout: 5_000 },
      )
      .toBeDefined();
  });

  it("is an empty delta for clients that state no version (V3)", async () => {
    const server = await start({ limits: { server: { digestIntervalMs: 100 } } });
    const digestTo = async (versions: Frame): Promise<Frame> => {
      const client = await openedWith(server, ["trades"], versions);
      await expect.poll(() => client.frames.some(({ digest }) => digest !== undefined)).toBe(true);
      return client.frames.find(({ digest }) => digest !== undefined) ?? {};
    };
    const older = {
      op: "DISPATCH",
      type: "DELTA_BATCH",
      channel: "trades",
      prev_seq: 1,
      seq: 1,
      patch: { upsert: [], remove: [] },
      digest: "0",
      watermark: { latest_ingest_seq: 1 },
    };
    const stated = [{}, { protocol: 6 }, { protocol: 7 }, { protocol: 8, protocol_min: 7 }];
    const digests = await Promise.all(stated.map(digestTo));
    expect(digests.slice(0, 2)).toEqual([older, older]);
    expect(digests.slice(2).map(({ type }) => type)).toEqual(["DIGEST", "DIGEST"]);
  });
});
