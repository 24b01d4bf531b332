/**
 * Sustained ingest with history: 20,000 new rows/s into a channel whose history is in DuckDB, for
 * some minutes. Rows/s in the log and in the store, memory by its parts and its slope in the
 * second half, the delay of the event loop, and how far the store is behind. `npm run bench -- ingest-history [minutes]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "./support/child.ts";
import { fixed, goal, machine, percentile, table } from "./support/report.ts";

const MINUTES = Number(process.argv[2] ?? 1);
const PER_SECOND = 20_000;
const WARM_UP_SECONDS = 10;
const EVERY_SECONDS = 5;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the process has in all; of it, V8's objects, buffers beside them, and DuckDB's pool. */
const PARTS = ["rss", "heapUsed", "external", "database"] as const;
type Part = (typeof PARTS)[number];

interface Sample {
  readonly sent: number;
  readonly loopP99Ms: number;
  readonly memory: Readonly<Record<Part, number>>;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly history: {
    readonly pending: { readonly lag_ms: number };
    readonly written: { readonly rows: number };
  };
}

/** MiB per minute, by least squares. */
function slopeOf(samples: readonly Sample[], part: Part): number {
  const y = samples.map(({ memory }) => memory[part] / 2 ** 20);
  const x = samples.map((_, index) => (index * EVERY_SECONDS) / 60);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  let above = 0;
  let below = 0;
  x.forEach((value, index) => {
    above += (value - meanX) * ((y[index] ?? 0) - meanY);
    below += (value - meanX) ** 2;
  });
  return above / below;
}

const folder = mkdtempSync(join(tmpdir(), "tidemark-ingest-"));
const server = await startChild("pipeline-server", [
  "tidemark-history",
  join(folder, "history.duckdb"),
]);
await server.ask({ kind: "run", perSecond: PER_SECOND });
await pause(WARM_UP_SECONDS * 1_000);
await server.ask({ kind: "reset" });
const first = await server.ask<Sample>({ kind: "read" });
const beganMs = performance.now();
const samples: Sample[] = [];
for (let index = 0; index < (MINUTES * 60) / EVERY_SECONDS; index++) {
  await pause(EVERY_SECONDS * 1_000);
  samples.push(await server.ask<Sample>({ kind: "read" }));
}
const secondHalf = samples.slice(samples.length / 2);
const seconds = (performance.now() - beganMs) / 1_000;
const last = samples.at(-1) ?? first;
const sent = (last.sent - first.sent) / seconds;
const stored = (last.history.written.rows - first.history.written.rows) / seconds;
const lags = samples.map(({ history }) => history.pending.lag_ms);
const cores = samples.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / (seconds * 1_000);
const minutes = samples.filter((_, index) => (index + 1) % (60 / EVERY_SECONDS) === 0);
await server.stop();
rmSync(folder, { recursive: true, force: true });

console.log(`Trades of about 230 B with keys of their own, ${MINUTES} min\n${await machine()}\n`);
console.log(
  table(
    ["", "rows/s in", "rows/s stored", "store lag ms, median", "max", "loop p99 ms", "cores"],
    [
      [
        "history in DuckDB",
        fixed(sent, 0),
        fixed(stored, 0),
        fixed(percentile(lags, 0.5), 0),
        fixed(Math.max(...lags), 0),
        fixed(last.loopP99Ms, 1),
        fixed(cores, 2),
      ],
    ],
  ),
);
console.log(
  table(
    ["MiB", ...PARTS, "rows stored"],
    [
      ...minutes.map((sample, minute) => [
        `after ${minute + 1} min`,
        ...PARTS.map((part) => fixed(sample.memory[part] / 2 ** 20, 0)),
        sample.history.written.rows,
      ]),
      ["per min, second half", ...PARTS.map((part) => fixed(slopeOf(secondHalf, part), 1)), ""],
    ],
  ),
);
const slope = slopeOf(secondHalf, "rss");
console.log(goal(`${fixed(stored, 0)} rows/s stored (goal 20,000)`, stored >= 0.99 * PER_SECOND));
console.log(goal(`${fixed(slope, 1)} MiB/min in the second half (goal 1)`, slope < 1));
