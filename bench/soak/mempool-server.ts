/**
 * A server of the mempool dashboard for its soak: `mempool-server <rate> <newer|older>`. It needs
 * `--expose-gc`.
 */
import { fileURLToPath } from "node:url";
import { createMempool } from "../../examples/mempool/server.ts";
import { answer, cpuMeter } from "../support/child.ts";

const [rate = "20", routes = "newer"] = process.argv.slice(2);
const { url, stop } = await createMempool({
  port: 0,
  assets: fileURLToPath(new URL("../../dist-examples/mempool/page", import.meta.url)),
  feed: { kind: "built-in", perSecond: Number(rate) },
  routes: routes === "older" ? "older" : "newer",
  logLevel: "silent",
});
const meter = cpuMeter();

answer({
  url: () => url,
  stop,
  read: () => {
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage();
    return { heapUsed, rss, external: external + arrayBuffers, cpu: meter() };
  },
});
