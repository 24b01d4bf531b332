/**
 * Row in → row in a client's cache: 100 clients that show the newest 200 trades, at 60 and at 5,000
 * rows/s, with and without history in DuckDB, against two older patterns over the same store. A
 * batch of 50 rows, "table changed", and each widget asks again; and a flush of rows every 200 ms,
 * merged by the clients, with a refetch every 30 s. With names, only these patterns:
 * `npm run bench -- pipeline [seconds] [rows/s] [tidemark|tidemark-history|row-push|refetch …]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "./support/child.ts";
import { fixed, goal, machine, table } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? 10);
const WARM_UP_MS = 2_000;
const CLIENTS = 100;
/** Of them, so many keep a cache. */
const MEASURING = 4;
const RATES = process.argv[3] === undefined ? [60, 5_000] : [Number(process.argv[3])];
const ALL_PATTERNS: Readonly<Record<string, string>> = {
  tidemark: "Tidemark",
  "tidemark-history": "Tidemark, history in DuckDB",
  "row-push": "200 ms flush, rows pushed",
  refetch: "batches of 50, refetch",
};
const NAMES = process.argv.length > 4 ? process.argv.slice(4) : Object.keys(ALL_PATTERNS);
const PATTERNS = Object.entries(ALL_PATTERNS).filter(([name]) => NAMES.includes(name));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Served {
  readonly sent: number;
  readonly serialisedMs: number;
  readonly queries: number;
  readonly cpuMs: number;
}

interface Seen {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly bytes: number;
  readonly messages: number;
}

async function measure(pattern: string, perSecond: number): Promise<Served & Seen> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-pipeline-"));
  const server = await startChild("pipeline-server", [pattern, join(folder, "history.duckdb")]);
  const clients = await startChild("pipeline-clients");
  const feeder = await startChild("feeder");
  try {
    const port = await server.ask<number>({ kind: "port" });
    const rowPort = await server.ask<number>({ kind: "rowPort" });
    await clients.ask({ kind: "open", port, pattern, clients: CLIENTS, measuring: MEASURING });
    await feeder.ask({ kind: "run", port: rowPort, perSecond, keys: Number.MAX_SAFE_INTEGER });
    await pause(WARM_UP_MS);
    await Promise.all([server.ask({ kind: "reset" }), clients.ask({ kind: "reset" })]);
    await pause(SECONDS * 1_000);
    const seen = await clients.ask<Seen>({ kind: "read" });
    return { ...(await server.ask<Served>({ kind: "read" })), ...seen };
  } finally {
    for (const child of [feeder, clients, server]) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(
  `${CLIENTS} clients, ${MEASURING} of which keep a cache of the newest 200 rows; ${SECONDS} s each; server, clients and feeder are processes\n${await machine()}\n`,
);
const p99 = new Map<string, number>();
for (const perSecond of RATES) {
  const lines: (readonly (string | number)[])[] = [];
  for (const [pattern, title] of PATTERNS) {
    const result = await measure(pattern, perSecond);
    p99.set(`${pattern} ${perSecond}`, result.p99Ms);
    const flushes = result.messages / (CLIENTS - MEASURING);
    lines.push([
      title,
      fixed(result.p50Ms, 1),
      fixed(result.p95Ms, 1),
      fixed(result.p99Ms, 1),
      fixed((result.cpuMs * 1_000) / result.sent, 0),
      fixed(result.bytes / result.messages, 0),
      fixed(flushes / SECONDS, 1),
      fixed(result.serialisedMs / flushes, 3),
      result.queries,
    ]);
  }
  const header = ["p50 ms", "p95", "p99", "CPU µs/row", "B/message", "messages/s of a client"];
  const costs = ["JSON ms/message", "store queries"];
  console.log(table([`${perSecond} rows/s`, ...header, ...costs], lines), "\n");
}
const [live, pushed] = ["tidemark-history 60", "row-push 60"].map((key) => p99.get(key));
if (live !== undefined)
  console.log(goal(`p99 ${fixed(live, 1)} ms at 60 rows/s with history (goal 25)`, live < 25));
if (live !== undefined && pushed !== undefined)
  console.log(
    goal(
      `${fixed(pushed / live, 1)} times below rows pushed every 200 ms (goal 8)`,
      pushed >= 8 * live,
    ),
  );
