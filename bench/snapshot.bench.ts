/**
 * Snapshots: 1,000 requests for 10,000 rows over HTTP, during 1,000 changes/s. Measures latency,
 * builds and CPU time per request.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../src/index.ts";
import { startChild } from "./support/child.ts";
import { fixed, machine, table, goal } from "./support/report.ts";
import { makeTrade, type Trade } from "./support/trade.ts";

const ROWS = 10_000;
const REQUESTS = 1_000;
const CONCURRENCY = 20;
const CHANGES_PER_SECOND = 1_000;

async function measure(snapshotReuseMs: number): Promise<readonly (string | number)[]> {
  const tidemark = createTidemark({
    channels: { trades: channel<Trade>({ key: "id" }) },
    logger: pino({ level: "silent" }),
    limits: { server: { snapshotReuseMs } },
  });
  const trades = tidemark.channel("trades");
  const { url } = await tidemark.listen({ port: 0 });
  await trades.upsert(Array.from({ length: ROWS }, () => makeTrade(ROWS)));
  const timer = setInterval(
    () =>
      void trades.upsert(Array.from({ length: CHANGES_PER_SECOND / 100 }, () => makeTrade(ROWS))),
    10,
  );
  const load = await startChild("http-load");
  const cpu = process.cpuUsage();
  const result = await load.ask<{ p50Ms: number; p99Ms: number; bytes: number }>({
    kind: "run",
    url: `${url}/v2/snapshot?channels=trades`,
    requests: REQUESTS,
    concurrency: CONCURRENCY,
  });
  const used = process.cpuUsage(cpu);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const builds = Number(/^snapshot_v2_build_ms_count (\d+)/m.exec(metrics)?.[1] ?? 0);
  const buildMs = Number(/^snapshot_v2_build_ms_sum ([\d.]+)/m.exec(metrics)?.[1] ?? 0);
  clearInterval(timer);
  await load.stop();
  await tidemark.stop();
  return [
    snapshotReuseMs === 0 ? "reused while unchanged" : `shared for ${snapshotReuseMs} ms`,
    fixed(result.p50Ms, 1),
    fixed(result.p99Ms, 1),
    builds,
    fixed(buildMs / Math.max(1, builds), 1),
    fixed((used.user + used.system) / 1_000 / REQUESTS, 2),
    fixed(result.bytes / REQUESTS / 1e6, 2),
  ];
}

console.log(
  `${REQUESTS} requests, ${CONCURRENCY} at a time, for ${ROWS} rows while ${CHANGES_PER_SECOND} changes/s arrive\n${await machine()}\n`,
);
const rows = [await measure(250), await measure(0)];
console.log(
  table(
    [
      "snapshot",
      "p50 ms",
      "p99 ms",
      "builds",
      "ms per build",
      "server CPU ms/request",
      "MB per answer",
    ],
    rows,
  ),
);
console.log(
  goal(`${rows[0]?.[3]} builds for ${REQUESTS} requests`, Number(rows[0]?.[3]) < REQUESTS / 10),
);
