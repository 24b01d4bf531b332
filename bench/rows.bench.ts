/**
 * The memory of 100,000 rows of about 230 B: in the server, and in a browser's page and worker
 * together.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, table } from "./support/report.ts";

const ROWS = 100_000;
/** Digests come every 10 s, and their memory is part of the cost. */
const DIGEST_MS = 12_000;

interface ProcessStats {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly cpuMs: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Measures a child process before and after it loads the rows. */
async function measure(
  kind: string,
  port: number | undefined,
  settleMs: number,
  whileRowsAreHeld?: (port: number) => Promise<void>,
): Promise<readonly [ProcessStats, ProcessStats]> {
  const holder = await startChild("rows-holder", [kind], { nodeFlags: ["--expose-gc"] });
  try {
    const before = await holder.ask<ProcessStats>({ kind: "read" });
    const held = await holder.ask<number>({ kind: "hold", rows: ROWS, port });
    await pause(settleMs);
    const after = await holder.ask<ProcessStats>({ kind: "read" });
    await whileRowsAreHeld?.(held);
    return [before, after];
  } finally {
    await holder.stop();
  }
}

const results = new Map<string, readonly [ProcessStats, ProcessStats]>();
results.set(
  "server: tidemark",
  await measure("server", undefined, 1_000, async (port) => {
    results.set("browser: page and worker", await measure("browser", port, DIGEST_MS));
  }),
);
results.set("a Map of parsed rows", await measure("map", undefined, 1_000));
console.log(`${ROWS} rows of about 230 B\n${await machine()}\n`);
const mib = (bytes: number): string => fixed(bytes / 2 ** 20, 0);
console.log(
  table(
    ["holder", "heap MiB", "RSS before MiB", "RSS after MiB", "heap B/row", "CPU µs/row"],
    [...results].map(([name, [before, after]]) => [
      name,
      mib(after.heapBytes - before.heapBytes),
      mib(before.rssBytes),
      mib(after.rssBytes),
      fixed((after.heapBytes - before.heapBytes) / ROWS, 0),
      fixed(((after.cpuMs - before.cpuMs) * 1_000) / ROWS, 1),
    ]),
  ),
);
