/**
 * A server with the explorer and two tables, in its own process, so that tests can freeze it. Its
 * clock is ahead of that of the pages.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../../src/index.ts";

const { now } = Date;
Date.now = () => now() + 90_000;

const [assets = "", port = "0"] = process.argv.slice(2);
const tidemark = createTidemark({
  catalog: true,
  channels: {
    orders: channel({
      key: "id",
      columns: {
        id: "integer",
        name: "text",
        weight: "text",
        total: "numeric",
        note: "text",
        placed_at: "timestamp",
      },
    }),
    couriers: channel({ key: "id", columns: { id: "integer", name: "text" } }),
  },
  assets,
  logger: pino({ level: "silent" }),
});
const order = (id: number): Record<string, string | number | null> => ({
  id,
  name: `order ${id}`,
  weight: `${id} kg`,
  total: `${id * 3}.50`,
  note: id % 2 === 0 ? null : "ring twice",
  placed_at: new Date(Date.now()).toISOString(),
});
await tidemark.channel("orders").upsert(Array.from({ length: 40 }, (_, index) => order(index + 1)));
await tidemark.channel("couriers").upsert({ id: 1, name: "Ana" });
const listening = await tidemark.listen({ port: Number(port) });

process.on("message", (id: number) => {
  void tidemark.channel("orders").upsert(order(id));
});
process.send?.(listening.port);
