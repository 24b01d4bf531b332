/**
 * Overload: 20,000 changes/s of 1,000 keys to 1,000 clients, more than a server can deliver one by
 * one. Each second a new client connects. Measures the time until it has its snapshot, and the
 * delay of the event loop, compared with `ws`, which broadcasts each change.
 */
import { WebSocket } from "ws";
import { startChild } from "./support/child.ts";
import { fixed, machine, percentile, table, goal } from "./support/report.ts";
import type { Dialect } from "./support/swarm.ts";

const CLIENTS = 1_000;
const CHANGES_PER_SECOND = 20_000;
const KEYS = 1_000;
const WARM_UP_MS = 3_000;
const NEWCOMERS = 10;
const NEWCOMER_TIMEOUT_MS = 15_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds until a new client has the snapshot, or the timeout. */
function newcomer(port: number, dialect: Dialect): Promise<number> {
  return new Promise((resolve) => {
    const beganMs = performance.now();
    const socket = new WebSocket(
      dialect === "tidemark" ? `ws://127.0.0.1:${port}/v2/stream` : `ws://127.0.0.1:${port}/`,
    );
    const done = (): void => {
      clearTimeout(timer);
      socket.terminate();
      resolve(performance.now() - beganMs);
    };
    const timer = setTimeout(done, NEWCOMER_TIMEOUT_MS);
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const text = String(data);
      if (text.includes('"HELLO"'))
        socket.send(JSON.stringify({ op: "IDENTIFY", subscriptions: ["trades"] }));
      if (
        text.includes('"snapshot":') ||
        (text.includes('"SNAPSHOT"') && text.includes('"more":false'))
      )
        done();
    });
  });
}

async function measure(dialect: Dialect): Promise<readonly (string | number)[]> {
  const server = await startChild("feed-server", [dialect]);
  const swarm = await startChild("swarm");
  try {
    const port = await server.ask<number>({ kind: "port" });
    await swarm.ask({ kind: "open", port, dialect, count: CLIENTS });
    void server.ask({ kind: "run", perSecond: CHANGES_PER_SECOND, keys: KEYS });
    await pause(WARM_UP_MS);
    void server.ask({ kind: "reset" });
    const waits: number[] = [];
    for (let index = 0; index < NEWCOMERS; index++) {
      waits.push(await newcomer(port, dialect));
      if (waits.at(-1) === undefined || (waits.at(-1) as number) >= NEWCOMER_TIMEOUT_MS) break;
      await pause(700);
    }
    const read = server.ask<{
      loopP99Ms: number;
      loopMaxMs: number;
      rssBytes: number;
      stats: { flush_interval_ms?: number };
    }>({ kind: "read" });
    const served = await Promise.race([read, pause(20_000).then(() => undefined)]);
    const worst = Math.max(...waits);
    const isStuck = worst >= NEWCOMER_TIMEOUT_MS;
    if (dialect === "tidemark" && served !== undefined) {
      console.log(
        goal(
          `a new client has its snapshot within ${fixed(worst, 0)} ms (goal 1,000)`,
          worst <= 1_000,
        ),
      );
      console.log(
        goal(
          `event loop p99 ${fixed(served.loopP99Ms, 1)} ms (goal under 30)`,
          served.loopP99Ms < 30,
        ),
      );
    }
    return [
      dialect,
      fixed(percentile(waits, 0.5), 0),
      isStuck ? `> ${NEWCOMER_TIMEOUT_MS}` : fixed(worst, 0),
      served === undefined || isStuck ? "blocked" : fixed(served.loopP99Ms, 1),
      served === undefined || isStuck ? "blocked" : fixed(served.loopMaxMs, 1),
      served === undefined ? "–" : fixed(served.rssBytes / 2 ** 20, 0),
      served?.stats.flush_interval_ms === undefined
        ? "–"
        : fixed(served.stats.flush_interval_ms, 0),
    ];
  } finally {
    await Promise.all([server.stop(), swarm.stop()]);
  }
}

console.log(
  `${CHANGES_PER_SECOND} changes/s over ${KEYS} keys to ${CLIENTS} clients\n${await machine()}\n`,
);
const rows = [await measure("tidemark"), await measure("ws")];
console.log(
  `\n${table(["server", "newcomer p50 ms", "newcomer max ms", "loop p99 ms", "loop max ms", "RSS MiB", "flush interval ms"], rows)}`,
);
