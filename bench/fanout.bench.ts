/**
 * Fan-out: 1,000 WebSocket clients on one channel, compared with `ws` and Socket.IO 4, which
 * broadcast each change. The server has one core for itself; the clients and the source of changes
 * are processes on another, and changes arrive at random times, so the server sleeps between them
 * and a change may arrive while another is served. Measures the CPU time of the
 * server per delivered row and per frame, and the latency. Prints the medians of all rounds, with
 * each server in turn: `npm run bench -- fanout [changes/s[,changes/s]] [server[,server]] [rounds]`.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";
import type { Dialect } from "./support/swarm.ts";

const CLIENTS = 1_000;
const KEYS = 500;
const SETTLE_MS = 3_000;
const WINDOW_MS = 8_000;
const DIALECTS: readonly Dialect[] = ["tidemark", "ws", "socket.io"];
const SERVER_CORE = 0;
const CLIENT_CORE = 1;

const [, , givenRates = "2000,50", givenDialects = DIALECTS.join(), givenRounds = "3"] =
  process.argv;
const rates = givenRates.split(",").map(Number);
const dialects = DIALECTS.filter((dialect) => givenDialects.split(",").includes(dialect));
const rounds = Number(givenRounds);

interface Result {
  /** Of the server, and of the process that reads for all clients. */
  readonly cpuMs: number;
  readonly clientCpuMs: number;
  readonly wallMs: number;
  readonly rows: number;
  readonly frames: number;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly latencyP99Ms: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(dialect: Dialect, perSecond: number): Promise<Result> {
  const server = await startChild("feed-server", [dialect], { core: SERVER_CORE });
  const swarm = await startChild("swarm", [], { core: CLIENT_CORE });
  const feeder = await startChild("feeder", [], { core: CLIENT_CORE });
  try {
    const port = await server.ask<number>({ kind: "port" });
    await swarm.ask({ kind: "open", port, dialect, count: CLIENTS });
    const rowPort = await server.ask<number>({ kind: "rowPort" });
    await feeder.ask({ kind: "run", port: rowPort, perSecond, keys: KEYS });
    await pause(SETTLE_MS);
    await Promise.all([server.ask({ kind: "reset" }), swarm.ask({ kind: "reset" })]);
    await pause(WINDOW_MS);
    const [served, received] = await Promise.all([
      server.ask<{ cpuMs: number; wallMs: number }>({ kind: "read" }),
      swarm.ask<Result>({ kind: "read" }),
    ]);
    const { cpuMs, wallMs } = served;
    return { ...received, cpuMs, wallMs, clientCpuMs: received.cpuMs };
  } finally {
    await Promise.all([feeder.stop(), server.stop(), swarm.stop()]);
  }
}

type Read = (result: Result) => number;

const COLUMNS: readonly (readonly [name: string, digits: number, read: Read])[] = [
  ["rows/s delivered", 0, ({ rows, wallMs }) => rows / (wallMs / 1_000)],
  ["frames/s", 0, ({ frames, wallMs }) => frames / (wallMs / 1_000)],
  ["CPU %", 0, ({ cpuMs, wallMs }) => (100 * cpuMs) / wallMs],
  ["CPU µs/row", 3, ({ cpuMs, rows }) => (1_000 * cpuMs) / rows],
  ["CPU µs/frame", 2, ({ cpuMs, frames }) => (1_000 * cpuMs) / frames],
  ["clients' CPU %", 0, ({ clientCpuMs, wallMs }) => (100 * clientCpuMs) / wallMs],
  ["p50 ms", 1, ({ latencyP50Ms }) => latencyP50Ms],
  ["p95 ms", 1, ({ latencyP95Ms }) => latencyP95Ms],
  ["p99 ms", 1, ({ latencyP99Ms }) => latencyP99Ms],
];

/** The stated goals for a rate, each with its figure. */
function goalsAt(perSecond: number, of: (dialect: Dialect, read: Read) => number): string[] {
  const perRow = (dialect: Dialect): number => of(dialect, ({ cpuMs, rows }) => cpuMs / rows);
  const p50 = of("tidemark", ({ latencyP50Ms }) => latencyP50Ms);
  const p99 = (dialect: Dialect): number => of(dialect, ({ latencyP99Ms }) => latencyP99Ms);
  if (perSecond < 1_000) {
    const ratio = p99("tidemark") / p99("ws");
    return [goal(`delivery p99 ${fixed(ratio)} of ws's (goal at most 1.2)`, ratio <= 1.2)];
  }
  const others = dialects.filter((dialect) => dialect !== "tidemark");
  return [
    ...others.map((dialect) => {
      const times = perRow(dialect) / perRow("tidemark");
      return goal(`CPU per row ${fixed(times, 1)}× less than ${dialect} (goal 20×)`, times >= 20);
    }),
    goal("CPU per row at most 0.3 µs", perRow("tidemark") <= 0.3 / 1_000),
    goal("delivery p50 under 15 ms, p99 under 35 ms", p50 < 15 && p99("tidemark") < 35),
  ];
}

console.log(
  `Fan-out to ${CLIENTS} clients, rows of about 230 B, ${rounds} rounds of ${WINDOW_MS / 1_000} s\n${await machine()}\n`,
);
for (const perSecond of rates) {
  const results = new Map<Dialect, Result[]>(dialects.map((dialect) => [dialect, []]));
  for (let round = 0; round < rounds; round++) {
    for (const dialect of dialects) results.get(dialect)?.push(await measure(dialect, perSecond));
  }
  const of = (dialect: Dialect, read: Read): number =>
    median((results.get(dialect) ?? []).map(read));
  console.log(`${perSecond} changes/s`);
  const lines = dialects.map((dialect) => [
    dialect,
    ...COLUMNS.map(([, digits, read]) => fixed(of(dialect, read), digits)),
  ]);
  console.log(table(["server", ...COLUMNS.map(([name]) => name)], lines));
  for (const line of goalsAt(perSecond, of)) console.log(line);
  console.log();
}
