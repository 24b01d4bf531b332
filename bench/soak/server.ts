/**
 * The server of the soak: 20 changes a second in one channel and 200 in another, for hours. It
 * needs `--expose-gc`.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../../src/index.ts";
import { answer, cpuMeter } from "../support/child.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
  readonly note: string;
  readonly at: number;
}

const assets = process.argv[2] ?? "";
const ROWS = 5_000;
const tidemark = createTidemark({
  // Limits that are reached within minutes, so that later growth is a leak.
  channels: {
    orders: channel<Order>({ key: "id", bounds: { rowsMax: ROWS, tombstonesMax: 2_000 } }),
    quotes: channel<Order>({
      key: "id",
      bounds: { rowsMax: ROWS, tombstonesMax: 2_000, ageMsMax: 600_000 },
    }),
  },
  logger: pino({ level: "silent" }),
  assets,
});
const { port } = await tidemark.listen({ port: 0 });
const meter = cpuMeter();
let written = 0;

const row = (id: number): Order => ({
  id: `o${id}`,
  amount: Math.round(Math.random() * 1e6) / 100,
  note: "x".repeat(Math.floor(Math.random() * 120)),
  at: Date.now(),
});
/** New keys enter and old ones leave, so that tables, views and tombstones are replaced. */
function writeEvery(intervalMs: number, name: "orders" | "quotes", count: number): void {
  let next = 0;
  setInterval(() => {
    const rows = Array.from({ length: count }, () =>
      row(Math.random() < 0.3 ? next++ : Math.max(0, next - Math.floor(Math.random() * ROWS))),
    );
    written += count;
    void tidemark.channel(name).upsert(rows);
    if (Math.random() < 0.05)
      void tidemark
        .channel(name)
        .remove(`o${Math.max(0, next - Math.floor(Math.random() * ROWS))}`);
  }, intervalMs);
}
await tidemark.channel("orders").upsert(Array.from({ length: ROWS }, (_, index) => row(index)));
writeEvery(50, "orders", 1);
writeEvery(50, "quotes", 10);

answer({
  port: () => port,
  read: () => {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage();
    return {
      heapUsed,
      rss,
      external: external + arrayBuffers,
      written,
      cpu: meter(),
      stats: tidemark.stats(),
    };
  },
});
