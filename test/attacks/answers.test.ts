/**
 * Attacks on what a server keeps for its clients: answers, connection slots, pauses and remembered
 * writes.
 */
import { once } from "node:events";
import { createConnection } from "node:net";
import { WebSocket } from "ws";
import { afterEach, expect, it } from "vitest";
import { RememberedWrites } from "../../src/server/mutations/remembered-writes.ts";
import { ChannelStates } from "../../src/server/turn/channel-states.ts";
import { Replica } from "../../src/table/replica.ts";
import { atEnd, startTrades as start, stopAll } from "../support/trades-server.ts";
import { declared } from "./harness.ts";

afterEach(stopAll);

it("pipelined answers free their connection slots when the connection closes", async () => {
  const { url } = await start({
    limits: { server: { connectionsMax: 5, heartbeatIntervalMs: 300, silenceMsMax: 300 } },
  });
  const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  // A stream that does not end, and behind it answers that are never sent.
  socket.write(
    `GET /v2/sse?channels=notes HTTP/1.1\r\nHost: localhost\r\n\r\n${"GET /v2/snapshot?channels=notes&since_seq=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(60)}`,
  );
  await once(socket, "data");
  const snapshotStatus = async (): Promise<number> =>
    (await fetch(`${url}/v2/snapshot?channels=notes&since_seq=0`)).status;
  await expect.poll(snapshotStatus).toBe(503);
  socket.destroy();
  await expect.poll(snapshotStatus, { timeout: 5_000 }).toBe(200);
}, 20_000);

it("a session over HTTP can send while all connection slots are taken", async () => {
  const { url, connect } = await start({ limits: { server: { connectionsMax: 2 } } });
  const response = await fetch(`${url}/v2/sse?channels=notes`);
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  atEnd(() => reader?.cancel());
  const id = String(
    /"session_id":"([^"]+)"/.exec(Buffer.from((await reader?.read())?.value ?? []).toString())?.[1],
  );
  await connect().open();
  expect((await fetch(`${url}/v2/sse?channels=notes`)).status).toBe(503);
  const up = await fetch(`${url}/v2/up?session=${encodeURIComponent(id)}`, {
    method: "POST",
    body: JSON.stringify({ op: "HEARTBEAT" }),
  });
  expect(up.status).toBeLessThan(300);
}, 20_000);

it("a stream over HTTP can take the only connection slot", async () => {
  const { url } = await start({ limits: { server: { connectionsMax: 1 } } });
  const response = await fetch(`${url}/v2/sse?channels=notes`);
  atEnd(() => response.body?.cancel());
  expect(response.status).toBe(200);
});

it("a client that sent too fast is paused until its frames are handled, and does not count as silent", async () => {
  const { stream } = await start();
  const socket = new WebSocket(stream);
  atEnd(() => socket.terminate());
  let [closed, acks] = [undefined as number | undefined, 0];
  const ready = new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      if (String(data).includes("HEARTBEAT_ACK")) acks++;
      if (String(data).includes('"READY"')) resolve();
    });
  });
  socket.on("close", (code) => (closed = code));
  await once(socket, "open");
  socket.send('{"op":"IDENTIFY"}');
  await ready;
  // The server takes 400 frames at once and 100 per second; the others stay in the socket for 4 s.
  for (let index = 0; index < 800; index++) socket.send('{"op":"HEARTBEAT"}');
  await expect.poll(() => acks === 800 || closed !== undefined, { timeout: 15_000 }).toBe(true);
  expect(closed).toBeUndefined();
}, 20_000);

it("a full memory of writes is not scanned for each write", () => {
  const writes = new RememberedWrites({
    mutationsRememberedMax: 100_000,
    mutationsRememberedPerIdentityMax: 1_000,
    mutationsRememberedBytesMax: 1e6,
  });
  const outcome = new Promise<never>(() => {});
  for (let index = 0; index < 100_000; index++)
    writes.add(`${index}`, { fingerprint: "", caller: `u${index}`, outcome });
  const before = process.cpuUsage();
  for (let index = 0; index < 200; index++)
    writes.add(`x${index}`, { fingerprint: "", caller: `v${index}`, outcome });
  expect(process.cpuUsage(before).user / 200).toBeLessThan(100);
});

it("a caller who may see a part of the rows learns that the channel has become partial", () => {
  const replica = new Replica();
  replica.apply({
    seq: 1,
    timeMs: 0,
    declares: [declared("c")],
    changes: [{ channel: "c", upserts: [{ key: "1", row: { id: "1" } }], removes: [], total: 1 }],
  });
  const states = new ChannelStates(replica);
  states.refreshSizes();
  const [version, partial] = [states.version("c", true), states.message("c")?.partial];
  replica.apply({
    seq: 2,
    timeMs: 0,
    changes: [{ channel: "c", upserts: [], removes: [], total: 50 }],
  });
  states.refreshSizes();
  expect([partial, states.message("c")?.partial]).toEqual([false, true]);
  expect(states.version("c", true)).not.toBe(version);
});
