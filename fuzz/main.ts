/**
 * `npm run fuzz`: runs all targets in turn, for `--minutes N` or `--inputs N` in total. `--target
 * NAME --seed N` replays one.
 */
import { parseArgs } from "node:util";
import { fuzz } from "./run.ts";
import { frames, http, queries, tokens } from "./targets.ts";

const TARGETS = { frames, queries, tokens, http };
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    inputs: { type: "string" },
    seed: { type: "string" },
    target: { type: "string" },
  },
});
const chosen = Object.entries(TARGETS).filter(
  ([name]) => values.target === undefined || name === values.target,
);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
const msMax =
  values.minutes === undefined
    ? Number.POSITIVE_INFINITY
    : (Number(values.minutes) * 60_000) / chosen.length;
const inputsMax =
  values.inputs === undefined
    ? values.minutes === undefined
      ? 4_000
      : Number.POSITIVE_INFINITY
    : Number(values.inputs) / chosen.length;
console.log(`seed ${seed}`);
for (const [name, make] of chosen) {
  const { inputs, ms } = await fuzz(make, { seed, inputsMax, msMax });
  console.log(`${name.padEnd(8)} ${inputs} inputs in ${(ms / 1_000).toFixed(1)} s: all held`);
}
