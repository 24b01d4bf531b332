/**
 * Fan-out: 1,000 WebSocket clients on one channel, compared with `ws` and Socket.IO 4, which
 * broadcast each change. Measures the CPU time of the server per delivered row at 2,000 changes/s
 * and per frame at 50 changes/s, and the latency at 50 changes/s. Prints the medians of three
 * rounds with each server in turn.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";
import type { Dialect } from "./support/swarm.ts";

const CLIENTS = 1_000;
const ROUNDS = 3;
const WINDOW_MS = 5_000;
const SETTLE_MS = 1_000;
const RATES = [2_000, 50] as const;

interface Result {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly rows: number;
  readonly frames: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(dialect: Dialect, perSecond: number): Promise<Result> {
  const server = await startChild("feed-server", [dialect]);
  const swarm = await startChild("swarm");
  try {
    const port = await server.ask<number>({ kind: "port" });
    await swarm.ask({ kind: "open", port, dialect, count: CLIENTS });
    await server.ask({ kind: "run", perSecond, keys: 500 });
    await pause(SETTLE_MS);
    await Promise.all([server.ask({ kind: "reset" }), swarm.ask({ kind: "reset" })]);
    await pause(WINDOW_MS);
    const [served, received] = await Promise.all([
      server.ask<{ cpuMs: number; wallMs: number }>({ kind: "read" }),
      swarm.ask<Result>({ kind: "read" }),
    ]);
    return { ...received, cpuMs: served.cpuMs, wallMs: served.wallMs };
  } finally {
    await Promise.all([server.stop(), swarm.stop()]);
  }
}

console.log(
  `Fan-out to ${CLIENTS} clients, rows of about 230 B, ${ROUNDS} rounds of ${WINDOW_MS / 1_000} s\n${await machine()}\n`,
);
const dialects: readonly Dialect[] = ["tidemark", "ws", "socket.io"];
for (const perSecond of RATES) {
  const results = new Map<Dialect, Result[]>(dialects.map((dialect) => [dialect, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const dialect of dialects) results.get(dialect)?.push(await measure(dialect, perSecond));
  }
  const of = (dialect: Dialect, read: (result: Result) => number): number =>
    median((results.get(dialect) ?? []).map(read));
  console.log(`${perSecond} changes/s`);
  console.log(
    table(
      [
        "server",
        "rows/s delivered",
        "frames/s",
        "CPU %",
        "CPU µs/row",
        "CPU µs/frame",
        "p50 ms",
        "p99 ms",
      ],
      dialects.map((dialect) => [
        dialect,
        fixed(
          of(dialect, ({ rows, wallMs }) => rows / (wallMs / 1_000)),
          0,
        ),
        fixed(
          of(dialect, ({ frames, wallMs }) => frames / (wallMs / 1_000)),
          0,
        ),
        fixed(
          of(dialect, ({ cpuMs, wallMs }) => (100 * cpuMs) / wallMs),
          0,
        ),
        fixed(
          of(dialect, ({ cpuMs, rows }) => (1_000 * cpuMs) / rows),
          3,
        ),
        fixed(
          of(dialect, ({ cpuMs, frames }) => (1_000 * cpuMs) / frames),
          2,
        ),
        fixed(
          of(dialect, ({ latencyP50Ms }) => latencyP50Ms),
          1,
        ),
        fixed(
          of(dialect, ({ latencyP99Ms }) => latencyP99Ms),
          1,
        ),
      ]),
    ),
  );
  const perRow = (dialect: Dialect): number => of(dialect, ({ cpuMs, rows }) => cpuMs / rows);
  if (perSecond === 2_000) {
    console.log(
      goal(
        `CPU per row ${fixed(perRow("ws") / perRow("tidemark"), 1)}× less than ws (goal 20×)`,
        perRow("ws") / perRow("tidemark") >= 20,
      ),
    );
    console.log(
      goal(
        `CPU per row ${fixed(perRow("socket.io") / perRow("tidemark"), 1)}× less than Socket.IO (goal 20×)`,
        perRow("socket.io") / perRow("tidemark") >= 20,
      ),
    );
  } else {
    const frame = (dialect: Dialect): number => of(dialect, ({ cpuMs, frames }) => cpuMs / frames);
    const p99 = (dialect: Dialect): number => of(dialect, ({ latencyP99Ms }) => latencyP99Ms);
    console.log(
      goal(
        `CPU per frame ${fixed(frame("tidemark") / frame("ws"))} of ws's (goal at most 1)`,
        frame("tidemark") <= frame("ws"),
      ),
    );
    console.log(
      goal(
        `delivery p99 ${fixed(p99("tidemark") / p99("ws"))} of ws's (goal at most 1.5)`,
        p99("tidemark") <= 1.5 * p99("ws"),
      ),
    );
    console.log(
      `        CPU per row at this rate: ${fixed(perRow("tidemark") / perRow("ws"))} of ws's`,
    );
  }
  console.log();
}
