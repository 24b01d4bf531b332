/**
 * What a replay costs live clients: 100 clients that show the newest 200 trades, at 500 rows/s with
 * history in DuckDB, while one client replays ten minutes of another channel (1,000 rows/s as they
 * were) at several speeds. Live p50 and p99 with and without, the replay's rows/s, the server's
 * CPU. `npm run bench -- replay [seconds]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "./support/child.ts";
import { fixed, machine, table } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? 8);
const WARM_UP_MS = 2_000;
const PER_SECOND = 500;
const CLIENTS = 100;
const MEASURING = 4;
const SPEEDS = [undefined, "1", "10", "60", "max", undefined];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = mkdtempSync(join(tmpdir(), "tidemark-replay-"));
const pattern = "tidemark-past";
const server = await startChild("pipeline-server", [pattern, join(folder, "history.duckdb")]);
const clients = await startChild("pipeline-clients");
const feeder = await startChild("feeder");
const replay = await startChild("replay-client");
const lines: string[][] = [];
try {
  const port = await server.ask<number>({ kind: "port" });
  const rowPort = await server.ask<number>({ kind: "rowPort" });
  await clients.ask({ kind: "open", port, pattern, clients: CLIENTS, measuring: MEASURING });
  const keys = Number.MAX_SAFE_INTEGER;
  await feeder.ask({ kind: "run", port: rowPort, perSecond: PER_SECOND, keys });
  for (const speed of SPEEDS) {
    if (speed !== undefined) await replay.ask({ kind: "open", port, channel: "past", speed });
    await pause(WARM_UP_MS);
    await Promise.all([server.ask({ kind: "reset" }), clients.ask({ kind: "reset" })]);
    await pause(SECONDS * 1_000);
    const seen = await clients.ask<{ p50Ms: number; p99Ms: number }>({ kind: "read" });
    const { cpuMs, wallMs } = await server.ask<{ cpuMs: number; wallMs: number }>({ kind: "read" });
    const rate =
      speed === undefined
        ? undefined
        : await replay.ask<{ rowsPerSecond: number }>({ kind: "close" });
    lines.push([
      speed === undefined ? "no replay" : `replay, speed ${speed}`,
      fixed(seen.p50Ms, 1),
      fixed(seen.p99Ms, 1),
      rate === undefined ? "–" : fixed(rate.rowsPerSecond, 0),
      fixed(cpuMs / wallMs, 2),
    ]);
  }
} finally {
  for (const child of [replay, feeder, clients, server]) await child.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  `${CLIENTS} live clients, ${PER_SECOND} rows/s, ${SECONDS} s each; server, clients, feeder and replay are processes\n${await machine()}\n`,
);
console.log(table(["", "live p50 ms", "p99", "replayed rows/s", "server cores"], lines));
