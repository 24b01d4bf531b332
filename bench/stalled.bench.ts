/**
 * Clients that stop reading, among 1,000 that read, at 2,000 changes/s: how one of them affects the
 * others' p99 (paired runs, in turn), and what one, and a thousand, cost the server. Compared with
 * `ws`.
 */
import { startChild, type Child } from "./support/child.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";
import type { Dialect } from "./support/swarm.ts";

const CLIENTS = 1_000;
const CHANGES_PER_SECOND = 2_000;
const KEYS = 1_000;
const MEASURE_MS = 5_000;
const PAIRS = 4;
const STALL_MS = 15_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface ServerStats {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly cpuMs: number;
  readonly stats: { readonly buffered_bytes?: number };
}

async function p99(swarm: Child): Promise<number> {
  await swarm.ask({ kind: "reset" });
  await pause(MEASURE_MS);
  return (await swarm.ask<{ latencyP99Ms: number }>({ kind: "read" })).latencyP99Ms;
}

async function settled(server: Child): Promise<ServerStats> {
  await server.ask({ kind: "collect" });
  await pause(300);
  await server.ask({ kind: "collect" });
  return server.ask<ServerStats>({ kind: "read" });
}

/** The memory of so many stalled clients, minus that of as many reading ones. */
async function cost(
  dialect: Dialect,
  count: number,
): Promise<{ readonly heapMiB: number; readonly bufferedMiB: number }> {
  const server = await startChild("feed-server", [dialect], { nodeFlags: ["--expose-gc"] });
  const stalled = await startChild("swarm");
  try {
    const port = await server.ask<number>({ kind: "port" });
    void server.ask({ kind: "run", perSecond: CHANGES_PER_SECOND, keys: KEYS });
    await pause(2_000);
    await stalled.ask({ kind: "open", port, dialect, count });
    await pause(2_000);
    const before = await settled(server);
    await stalled.ask({ kind: "stall", isStalled: true });
    await pause(STALL_MS);
    const after = await settled(server);
    return {
      heapMiB: (after.heapBytes - before.heapBytes) / 2 ** 20,
      bufferedMiB: (after.stats.buffered_bytes ?? Number.NaN) / 2 ** 20,
    };
  } finally {
    await Promise.all([server.stop(), stalled.stop()]);
  }
}

async function pairs(): Promise<{ readonly alone: number; readonly beside: number }> {
  const server = await startChild("feed-server", ["tidemark"]);
  const [fast, slow] = [await startChild("swarm"), await startChild("swarm")];
  try {
    const port = await server.ask<number>({ kind: "port" });
    await fast.ask({ kind: "open", port, dialect: "tidemark", count: CLIENTS });
    await slow.ask({ kind: "open", port, dialect: "tidemark", count: 1 });
    void server.ask({ kind: "run", perSecond: CHANGES_PER_SECOND, keys: KEYS });
    await pause(3_000);
    const alone: number[] = [];
    const beside: number[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      await slow.ask({ kind: "stall", isStalled: false });
      await pause(500);
      alone.push(await p99(fast));
      await slow.ask({ kind: "stall", isStalled: true });
      await pause(500);
      beside.push(await p99(fast));
    }
    return { alone: median(alone), beside: median(beside) };
  } finally {
    await Promise.all([server.stop(), fast.stop(), slow.stop()]);
  }
}

console.log(
  `${CHANGES_PER_SECOND} changes/s; clients that stop reading for ${STALL_MS / 1_000} s\n${await machine()}\n`,
);
const { alone, beside } = await pairs();
console.log(
  goal(
    `p99 of ${CLIENTS} fast clients: ${fixed(alone, 1)} ms alone, ${fixed(beside, 1)} ms beside a stalled one (goal: within 10 %)`,
    beside <= alone * 1.1,
  ),
);
const one = await cost("tidemark", 1);
const thousand = await cost("tidemark", 1_000);
console.log(
  goal(
    `one stalled client buffers ${fixed(one.bufferedMiB * 1_024, 0)} KiB (goal under 256)`,
    one.bufferedMiB * 1_024 < 256,
  ),
);
console.log(
  goal(
    `1,000 stalled clients: heap and buffers +${fixed(thousand.heapMiB, 1)} MiB (goal under 64); frames counted once per socket ${fixed(thousand.bufferedMiB, 0)} MiB`,
    thousand.heapMiB < 64,
  ),
);
const ws = await cost("ws", 1);
console.log(
  `\n${table(
    ["server", "stalled", "heap and buffers MiB"],
    [
      ["tidemark", 1, fixed(one.heapMiB, 1)],
      ["tidemark", 1_000, fixed(thousand.heapMiB, 1)],
      ["ws", 1, fixed(ws.heapMiB, 1)],
    ],
  )}`,
);
