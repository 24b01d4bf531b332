/**
 * `npm run history-check`: scrolls back while rows arrive, 50 runs by default, each with every
 * operator twice. `--store duckdb|clickhouse`, `--runs N`, `--seed N` for the first run's seed. A
 * failure prints the command that repeats it.
 */
import { parseArgs } from "node:util";
import { startClickHouse } from "../clickhouse-server.ts";
import { OPERATORS } from "../../../src/protocol/query.ts";
import { run, STORES, type StoreKind } from "./run.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    store: { type: "string", default: "duckdb" },
  },
});
const store = STORES.find((name) => name === values.store) as StoreKind | undefined;
if (store === undefined) throw new Error(`--store is one of ${STORES.join(", ")}`);

const engine = store === "clickhouse" ? await startClickHouse() : undefined;
const first = Number(values.seed);
const runs = Number(values.runs);
const lists = 2 * OPERATORS.length;
const beganMs = performance.now();
const sums = { lists: 0, commits: 0, pages: 0, sights: 0, rows: 0 };
try {
  for (let seed = first; seed < first + runs; seed++) {
    const pageRows = seed % 2 === 0 ? ([5, 20] as const) : ([20, 60] as const);
    try {
      const result = await run({ seed, store, url: engine?.url, lists, pageRows });
      sums.lists += lists;
      sums.commits += result.commits;
      sums.pages += result.pages;
      sums.sights += result.sights;
      sums.rows += result.rowsCompared;
    } catch (error) {
      console.error(`Seed ${seed} failed: ${String(error)}`);
      console.error(`Repeat: npm run history-check -- --store ${store} --runs 1 --seed ${seed}`);
      process.exitCode = 1;
      break;
    }
    if ((seed - first + 1) % 10 === 0) console.log(`${seed - first + 1} runs`);
  }
} finally {
  await engine?.remove();
}
const seconds = Math.round((performance.now() - beganMs) / 1_000);
console.log(
  `${store}, ${seconds} s: ${sums.lists} lists, each operator alike; ${sums.pages} pages while ${sums.commits} commits arrived; ${sums.sights} lists of ${sums.rows} rows compared.`,
);
