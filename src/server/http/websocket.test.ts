/** What reaches a WebSocket's socket. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { silent } from "../../../test/support/silent.ts";
import { WireClient } from "../../../test/support/wire-client.ts";
import { channel, createTidemark } from "../../index.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const SUBSCRIPTIONS = ["trades", { channel: "trades", where: { column: "symbol", eq: "BTC" } }];

it("a turn is one write, and sessions with the same frames share its bytes", async () => {
  const tidemark = createTidemark({
    channels: { trades: channel({ key: "id" }) },
    logger: silent,
  });
  await tidemark.start();
  ends.push(() => tidemark.stop());
  const trades = tidemark.channel("trades");
  await trades.upsert({ id: "a", symbol: "BTC" });
  const server = createServer();
  /** Per connection what was written, a buffer per write. */
  const written: Buffer[][] = [];
  server.on("connection", (socket) => {
    const buffers: Buffer[] = [];
    written.push(buffers);
    const write = socket.write.bind(socket);
    socket.write = (...args: unknown[]): boolean => {
      if (Buffer.isBuffer(args[0])) buffers.push(args[0]);
      return Reflect.apply(write, socket, args) as boolean;
    };
  });
  tidemark.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v2/stream`;
  const clients = [new WireClient(address), new WireClient(address)];
  for (const client of clients) {
    ends.push(() => client.close());
    await client.next({ op: "HELLO" });
    client.send({ op: "IDENTIFY", subscriptions: SUBSCRIPTIONS });
    await client.next({ type: "SUBSCRIBED", index: 1 });
    await client.next({ type: "WATERMARK" });
  }
  await trades.upsert({ id: "a", symbol: "BTC", price: 2 });
  for (const client of clients) await client.next({ type: "DELTA_BATCH" });

  const turns = written.map((buffers) =>
    buffers.filter((bytes) => bytes.includes('"DELTA_BATCH"')),
  );
  expect(turns.map((buffers) => buffers.length)).toEqual([1, 1]);
  const [[turn = Buffer.alloc(0)] = [], [other] = []] = turns;
  expect(turn.toString().match(/"(DELTA_BATCH|WATERMARK)"/g)).toHaveLength(3);
  expect(other).toBe(turn);
});
