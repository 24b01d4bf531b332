/**
 * A reconnect storm: 10,000 clients with a view of 200 rows each lose their connections at once
 * while rows change. Measures the time until the last one is exact again, the snapshots built, the
 * resumes without a snapshot, and the server's cost. The client's back-off spreads the first
 * attempts over a second.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, table } from "./support/report.ts";

const PROCESSES = 4;
const CLIENTS = 10_000;
const ROWS = 200;
const CHANGES_PER_SECOND = 10;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface ProcessStats {
  readonly cpuMs: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly rssBytes: number;
}

const server = await startChild("feed-server", ["tidemark"]);
const swarms = await Promise.all(
  Array.from({ length: PROCESSES }, () => startChild("storm-clients")),
);
try {
  const port = await server.ask<number>({ kind: "port" });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  };
  const rows = async (): Promise<readonly (readonly [string, number])[]> => {
    const { channels } = (await (
      await fetch(`http://127.0.0.1:${port}/v2/snapshot?channels=trades`)
    ).json()) as { channels: { trades: { rows: { id: string; trade_id: number }[] } } };
    return channels.trades.rows.map(({ id, trade_id }) => [id, trade_id] as const);
  };
  console.log(
    `${CLIENTS} clients, ${ROWS} rows, ${CHANGES_PER_SECOND} changes/s\n${await machine()}\n`,
  );
  void server.ask({ kind: "run", perSecond: 1_000, keys: ROWS });
  await pause(1_000);
  // The clients share the machine with the server; their initial work must not be measured.
  void server.ask({ kind: "run", perSecond: CHANGES_PER_SECOND, keys: ROWS });
  await Promise.all(
    swarms.map((swarm) => swarm.ask({ kind: "open", port, count: CLIENTS / PROCESSES })),
  );
  await pause(2_000);
  const before = {
    builds: await metric("snapshot_v2_build_ms_count"),
    resumes: await metric("stream_v2_resume_success_total"),
  };
  await server.ask({ kind: "reset" });
  const startMs = performance.timeOrigin + performance.now();
  await Promise.all(swarms.map((swarm) => swarm.ask({ kind: "cut" })));
  // Changes go on for a while, so that resumed clients get rows.
  await pause(500);
  await server.ask({ kind: "pause" });
  await pause(100);
  const expected = await rows();
  const answers = await Promise.all(
    swarms.map((swarm) =>
      swarm.ask<{ atMs: number; snapshots: number }>({ kind: "exact", rows: expected }),
    ),
  );
  const tookMs = Math.max(...answers.map(({ atMs }) => atMs)) - startMs;
  const stats = await server.ask<ProcessStats>({ kind: "read" });
  const resumes = (await metric("stream_v2_resume_success_total")) - before.resumes;
  const builds = (await metric("snapshot_v2_build_ms_count")) - before.builds;
  const snapshots = answers.reduce((sum, answer) => sum + answer.snapshots, 0);
  console.log(
    table(
      [
        "clients",
        "last one exact, ms",
        "resumed",
        "snapshots sent",
        "snapshots built",
        "server CPU ms per client",
        "loop p99 ms",
        "loop max ms",
        "RSS MiB",
      ],
      [
        [
          CLIENTS,
          fixed(tookMs, 0),
          resumes,
          snapshots,
          builds,
          fixed(stats.cpuMs / CLIENTS, 3),
          fixed(stats.loopP99Ms, 1),
          fixed(stats.loopMaxMs, 0),
          fixed(stats.rssBytes / 2 ** 20, 0),
        ],
      ],
    ),
  );
} finally {
  await Promise.all([server.stop(), ...swarms.map((swarm) => swarm.stop())]);
}
