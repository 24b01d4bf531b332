/**
 * `npm run rights-check`: 100,000 generated cases by default, 2,000 over each store. `--cases N`,
 * `--seed N` for the first store's seed, `--store memory|duckdb`. After a leak it prints the command
 * that repeats it.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { duckdb } from "../../../src/history/duckdb/index.ts";
import { ScriptedStore } from "../../../src/history/scripted-store.ts";
import { holdOpen } from "../../../src/std/clock.ts";
import { makeFolder } from "../shared-folder.ts";
import { run } from "./run.ts";

const CASES_PER_STORE = 2_000;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    store: { type: "string", default: "memory" },
  },
});

const total = Number(values.cases);
// There is no socket, and the clock's timers do not keep the process.
const release = holdOpen();
const beganMs = performance.now();
const sums = { cases: 0, refused: 0, withheld: 0, feeds: 0, fed: 0 };
for (let seed = Number(values.seed); sums.cases < total; seed++) {
  const folder = makeFolder("tidemark-rights-check-");
  const store =
    values.store === "duckdb" ? duckdb(join(folder, "history.duckdb")) : new ScriptedStore();
  try {
    const cases = Math.min(CASES_PER_STORE, total - sums.cases);
    const result = await run({ seed, cases, store });
    for (const name of ["cases", "refused", "withheld", "feeds", "fed"] as const)
      sums[name] += result[name];
  } catch (error) {
    console.error(`Seed ${seed} failed: ${String(error)}`);
    console.error(
      `Repeat: npm run rights-check -- --store ${values.store} --seed ${seed} --cases ${CASES_PER_STORE}`,
    );
    process.exit(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (sums.cases % 20_000 === 0) console.log(`${sums.cases} cases`);
}
release();
const seconds = Math.round((performance.now() - beganMs) / 1_000);
console.log(
  `${sums.cases} cases over ${values.store} in ${seconds} s: no row leaked. ${sums.refused} were refused; ${sums.withheld} rows were withheld; ${sums.feeds} feeds had ${sums.fed} rows and keys.`,
);
