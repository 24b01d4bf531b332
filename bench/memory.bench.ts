/**
 * Memory: 10,000 connected clients with one subscription each, compared with a bare `ws` server
 * with as many sockets.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, table, goal } from "./support/report.ts";
import type { Dialect } from "./support/swarm.ts";

const CLIENTS = 10_000;
const SWARMS = 4;
const SETTLE_MS = 4_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(dialect: Dialect): Promise<{ beforeBytes: number; afterBytes: number }> {
  const server = await startChild("feed-server", [dialect], { nodeFlags: ["--expose-gc"] });
  const swarms = await Promise.all(Array.from({ length: SWARMS }, () => startChild("swarm")));
  try {
    const port = await server.ask<number>({ kind: "port" });
    const rss = async (): Promise<number> => {
      await server.ask({ kind: "collect" });
      await pause(1_000);
      await server.ask({ kind: "collect" });
      return (await server.ask<{ rssBytes: number }>({ kind: "read" })).rssBytes;
    };
    await server.ask({ kind: "run", perSecond: 50, keys: 500 });
    await pause(2_000);
    await server.ask({ kind: "pause" });
    const beforeBytes = await rss();
    for (const swarm of swarms)
      await swarm.ask({ kind: "open", port, dialect, count: CLIENTS / SWARMS });
    await pause(SETTLE_MS);
    return { beforeBytes, afterBytes: await rss() };
  } finally {
    await Promise.all([server.stop(), ...swarms.map((swarm) => swarm.stop())]);
  }
}

console.log(`${CLIENTS} clients, one subscription each\n${await machine()}\n`);
const results = { tidemark: await measure("tidemark"), ws: await measure("ws") };
const perClient = ({
  beforeBytes,
  afterBytes,
}: {
  beforeBytes: number;
  afterBytes: number;
}): number => (afterBytes - beforeBytes) / CLIENTS / 1_024;
console.log(
  table(
    ["server", "RSS before MiB", "RSS after MiB", "KiB per client"],
    Object.entries(results).map(([name, result]) => [
      name,
      fixed(result.beforeBytes / 2 ** 20, 0),
      fixed(result.afterBytes / 2 ** 20, 0),
      fixed(perClient(result), 1),
    ]),
  ),
);
const above = perClient(results.tidemark) - perClient(results.ws);
console.log(goal(`${fixed(above, 1)} KiB per client above ws (goal under 8)`, above < 8));
