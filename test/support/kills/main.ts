/**
 * `npm run kills`: kills servers with history, 200 by default, four over each store, and says what
 * survived. `--store duckdb|clickhouse`, `--runs N` for the number of kills, `--seed N` for the
 * first store's seed. After a failure it prints the command that repeats it.
 */
import { parseArgs } from "node:util";
import { run, STORES, type StoreKind } from "./run.ts";

const KILLS_PER_STORE = 4;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    store: { type: "string", default: "duckdb" },
  },
});
const store = STORES.find((name) => name === values.store) as StoreKind | undefined;
if (store === undefined) throw new Error(`--store is one of ${STORES.join(", ")}`);

const total = Number(values.runs);
const moments = new Map<string, number>();
const sums = { commits: 0, acknowledged: 0, rowsChecked: 0 };
const beganMs = performance.now();
const seconds = (): number => Math.round((performance.now() - beganMs) / 1_000);
let done = 0;
for (let seed = Number(values.seed); done < total; seed++) {
  const kills = Math.min(KILLS_PER_STORE, total - done);
  try {
    const result = await run({ seed, kills, store });
    for (const [moment, times] of result.moments)
      moments.set(moment, (moments.get(moment) ?? 0) + times);
    sums.commits += result.commits;
    sums.acknowledged += result.acknowledged;
    sums.rowsChecked += result.rowsChecked;
  } catch (error) {
    console.error(`Seed ${seed} failed after ${done} kills: ${String(error)}`);
    console.error(`Repeat: npm run kills -- --store ${store} --seed ${seed} --runs ${kills}`);
    process.exit(1);
  }
  done += kills;
  if (done % 20 === 0) console.log(`${done} kills, ${seconds()} s`);
}
console.log(
  `${done} kills of a server over ${store} in ${seconds()} s: ${sums.commits} commits survived, all ${sums.acknowledged} acknowledged ones among them; ${sums.rowsChecked} rows compared. Killed while`,
);
for (const [moment, times] of moments) console.log(`  ${String(times).padStart(5)}  ${moment}`);
