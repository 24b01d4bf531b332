/** Attacks on time and memory: what one connection may cost. */
import { createConnection } from "node:net";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { atEnd, startTrades as start, stopAll } from "../support/trades-server.ts";
import { declared, engineOf, manyRows, textChannel } from "./harness.ts";

afterEach(stopAll);

describe("a connection", () => {
  it("has a budget of frames, so that heartbeats are not answered as fast as they are sent", async () => {
    const { engine, connect } = await engineOf([declared("c")]);
    const flood = await connect("flood");
    for (let i = 0; i < 20_000; i++) flood.say({ op: "HEARTBEAT" });
    const acks = flood.transport.frames.filter(({ op }) => op === "HEARTBEAT_ACK").length;
    engine.stop();
    expect(acks).toBeLessThan(1_000);
  });

  it("has a budget of RESYNCs, each of which is a whole snapshot", async () => {
    const { engine, log, clock, connect, settle } = await engineOf([declared("c")]);
    await log.append(manyRows(200));
    const flood = await connect("flood");
    flood.say({ op: "SUBSCRIBE", subscriptions: ["c"] });
    for (let i = 0; i < 3; i++) {
      await settle();
      clock.advance(20);
    }
    for (let i = 0; i < 500; i++) {
      flood.say({ op: "RESYNC", view: "c" });
      await settle();
      clock.advance(2);
    }
    const snapshots = flood.transport.frames.filter(
      ({ type, part }) => type === "SNAPSHOT" && part === 0,
    ).length;
    engine.stop();
    expect(snapshots).toBeLessThan(100);
  });

  it("that is rejected is not read any more, and does not fill the log", async () => {
    let lines = 0;
    const logger = pino(
      { level: "info" },
      {
        write: () => {
          lines++;
        },
      },
    );
    const { stream } = await start({ logger });
    const socket = createConnection(Number(new URL(stream).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(
      "GET /v2/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await new Promise((resolve) => socket.once("data", resolve));
    const bad = Buffer.concat([Buffer.from([0x81, 0x81, 0, 0, 0, 0]), Buffer.from("x")]);
    const before = lines;
    socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => bad)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    socket.destroy();
    expect(lines - before).toBeLessThan(20);
  }, 20_000);

  it("uses little memory before it has identified", async () => {
    const { connect } = await start({ authenticate: () => new Promise(() => {}) });
    const client = connect();
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY" });
    const frame = JSON.stringify({ op: "SUBSCRIBE", subscriptions: ["x".repeat(60_000)] });
    for (let i = 0; i < 16; i++) client.send(frame);
    await expect.poll(() => client.closed?.code).toBe(4400);
  });

  it("that does not read its HTTP answer is closed, and counts until then", async () => {
    const { tidemark, url, connect } = await start({
      channels: textChannel,
      // Longer than six answers of 20 MB take on a busy machine.
      limits: { server: { heartbeatIntervalMs: 300, silenceMsMax: 2_000, connectionsMax: 3 } },
    });
    await (tidemark as never as { channel(n: string): { upsert(r: unknown): Promise<number> } })
      .channel("docs")
      .upsert(
        Array.from({ length: 200 }, (_, i) => ({ id: `${i}`, owner: "o", s: "x".repeat(100_000) })),
      );
    const ask = async (path: string): Promise<string> => {
      const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
      atEnd(() => socket.destroy());
      socket.on("error", () => {});
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      return new Promise((resolve) =>
        socket.once("data", (data) => {
          socket.pause();
          resolve(String(data).slice(9, 12));
        }),
      );
    };
    const statuses = [];
    for (let index = 0; index < 6; index++)
      statuses.push(await ask(`/v2/snapshot?channels=docs&since_seq=0&x=${index}`));
    expect(statuses).toEqual(["200", "200", "200", "503", "503", "503"]);
    const client = connect();
    await expect.poll(() => client.closed).toBeDefined();
    // Small requests that are answered at once are not refused.
    expect(await ask("/v2/rows/docs/1")).toBe("200");
    // The first three were closed, so there is room again.
    await expect
      .poll(() => ask("/v2/snapshot?channels=docs&since_seq=0"), { timeout: 5_000 })
      .toBe("200");
    await expect
      .poll(
        () =>
          connect()
            .open()
            .then(
              () => "open",
              () => "refused",
            ),
        { timeout: 10_000 },
      )
      .toBe("open");
  }, 20_000);
});
