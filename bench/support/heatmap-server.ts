/**
 * The process `heatmap-server`: the heatmap example, which notes when each heatmap was calculated,
 * and beside it an endpoint that calculates one for each request.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { createHeatmap } from "../../examples/heatmap/server.ts";
import { answer, cpuMeter } from "./child.ts";
import { sharedClockMs } from "./shared-clock.ts";

/** A calculated heatmap: its symbol, its time, and when it was there by the shared clock. */
export type Calculated = readonly [symbol: string, asOfMs: number, atMs: number];

const [everyMs = "5000"] = process.argv.slice(2);
const calculated = new Map<string, Calculated>();
let queries = 0;

const heatmap = await createHeatmap({
  port: 0,
  assets: tmpdir(),
  everyMs: Number(everyMs),
  onCalculated: (symbol, asOfMs = 0) => {
    queries++;
    const key = `${symbol} ${asOfMs}`;
    // One with the same trades changes nothing, and nothing is sent.
    if (!calculated.has(key)) calculated.set(key, [symbol, asOfMs, sharedClockMs()]);
  },
});
const each = createServer((request, response) => {
  const symbol = new URL(request.url ?? "/", "http://server").searchParams.get("symbol") ?? "";
  heatmap.model.calculateTimeEvolvingHeatmap({ symbol, minutes: 30, intervalMinutes: 1 }).then(
    (data) => {
      queries++;
      response.end(JSON.stringify(data));
    },
    () => response.writeHead(503).end(),
  );
});
await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
const meter = cpuMeter();

answer({
  ports: () => ({
    port: Number(new URL(heatmap.url).port),
    calculatingPort: (each.address() as AddressInfo).port,
  }),
  /** Collects garbage; needs --expose-gc. */
  collect: () => (globalThis as { gc?: () => void }).gc?.(),
  reset: () => {
    calculated.clear();
    queries = 0;
    meter();
  },
  sessions: () => heatmap.stats()["sessions"],
  read: () => ({
    calculated: [...calculated.values()],
    queries,
    rssBytes: process.memoryUsage().rss,
    heapBytes: process.memoryUsage().heapUsed + process.memoryUsage().external,
    ...meter(),
  }),
});
