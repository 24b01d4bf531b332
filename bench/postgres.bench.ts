/**
 * Postgres: the latency from the commit of a transaction to the client's store, at 200 and 2,000
 * transactions/s, in an open loop.
 */
import pg from "pg";
import { pino } from "pino";
import { createClient } from "../src/client/node.ts";
import { createTidemark } from "../src/index.ts";
import { postgres } from "../src/sources/postgres/index.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { cpuMeter } from "./support/child.ts";
import { fixed, machine, percentile, table } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? 8);
const RATES = [200, 2_000];
const KEYS = 1_000;
const WRITERS = 8;

const server = await startPostgres(18);
await server.sql(`CREATE TABLE quotes (id int PRIMARY KEY, price numeric NOT NULL, version int NOT NULL, note text NOT NULL);
  INSERT INTO quotes SELECT n, 1, 0, repeat('x', 120) FROM generate_series(1, ${KEYS}) n`);
const tidemark = createTidemark({
  sources: [postgres(server.url)],
  logger: pino({ level: "silent" }),
});
const { url } = await tidemark.listen({ port: 0 });
const client = createClient({ url: `${url}/v2/stream` });
const view = client.live({ channel: "quotes" });

/** Committed versions that the client has not shown yet, by row. */
const waiting = new Map<string, { version: number; committedMs: number }[]>();
let latencies: number[] = [];
view.subscribe(() => {
  const nowMs = performance.now();
  for (const [key, list] of waiting) {
    const shown = Number(view.row(key)?.["version"] ?? -1);
    while (list[0] !== undefined && list[0].version <= shown)
      latencies.push(nowMs - (list.shift() as { committedMs: number }).committedMs);
    if (list.length === 0) waiting.delete(key);
  }
});

const pool = await Promise.all(
  Array.from({ length: WRITERS }, async () => {
    const writer = new pg.Client({ connectionString: server.url });
    await writer.connect();
    return writer;
  }),
);
let version = 0;

async function write(writer: pg.Client, index: number): Promise<void> {
  const key = 1 + (index % KEYS);
  const own = ++version;
  await writer.query({
    name: "write",
    text: "UPDATE quotes SET price = price + 0.01, version = $1 WHERE id = $2",
    values: [own, key],
  });
  const list = waiting.get(String(key)) ?? [];
  // The delta may come before the acknowledgement of the commit; that counts as zero.
  if (Number(view.row(String(key))?.["version"] ?? -1) >= own) latencies.push(0);
  else waiting.set(String(key), [...list, { version: own, committedMs: performance.now() }]);
}

console.log(
  `Commit acknowledged to client store, ${SECONDS} s each; Postgres, server, client and writers on the same cores\n${await machine()}\n`,
);
const rows: (readonly (string | number)[])[] = [];
for (const rate of RATES) {
  latencies = [];
  const meter = cpuMeter();
  const beganMs = performance.now();
  let issued = 0;
  const queues = pool.map(() => Promise.resolve());
  while (performance.now() - beganMs < SECONDS * 1_000) {
    const due = Math.floor(((performance.now() - beganMs) / 1_000) * rate);
    for (; issued < due; issued++) {
      const slot = issued % WRITERS;
      const index = issued;
      queues[slot] = (queues[slot] as Promise<void>).then(() =>
        write(pool[slot] as pg.Client, index),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(queues);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { cpuMs } = meter();
  rows.push([
    rate,
    latencies.length,
    fixed(percentile(latencies, 0.5), 1),
    fixed(percentile(latencies, 0.95), 1),
    fixed(percentile(latencies, 0.99), 1),
    fixed((1_000 * cpuMs) / issued, 0),
    waiting.size,
  ]);
}
console.log(
  table(
    ["tx/s", "samples", "p50 ms", "p95 ms", "p99 ms", "CPU µs/tx (this process)", "never shown"],
    rows,
  ),
);
client.close();
await Promise.all(pool.map((writer) => writer.end()));
await tidemark.stop();
await server.remove();
process.exit(0);
