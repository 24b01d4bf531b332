/**
 * The simulator's command line: `npm run sim -- --seed N` replays one run, `--runs N` runs N seeds
 * from that one on, `--nightly` runs until it is stopped. After a failure it prints the command
 * that replays the smallest failing run.
 */
import { parseArgs } from "node:util";
import { FAULTS, type Fault } from "./faults.ts";
import { run, type RunOptions, type RunResult } from "./run.ts";
import { commandOf, shrink } from "./shrink.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    nightly: { type: "boolean", default: false },
    clients: { type: "string" },
    chaos: { type: "string" },
    only: { type: "string" },
    trace: { type: "string" },
    "no-shrink": { type: "boolean", default: false },
  },
});

const first = Number(values.seed);
const count = values.nightly ? Number.POSITIVE_INFINITY : Number(values.runs);
const faults = values.only
  ?.split(",")
  .map((name) => name.trim())
  .filter((name) => name !== "") as readonly Fault[] | undefined;
for (const name of faults ?? [])
  if (!FAULTS.includes(name))
    throw new Error(`There is no fault "${name}". There are: ${FAULTS.join(", ")}`);

const totals = new Map<Fault, number>();
let checks = 0;
const startMs = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const options: RunOptions = {
    seed,
    faults,
    clients: numberOf(values.clients),
    chaosMs: numberOf(values.chaos),
    traced: numberOf(values.trace),
  };
  const result = await run(options);
  checks += result.checks;
  for (const [fault, times] of result.faults) totals.set(fault, (totals.get(fault) ?? 0) + times);
  if (count === 1 || result.failure !== undefined) print(result);
  if (result.failure !== undefined) {
    const smallest = values["no-shrink"]
      ? options
      : await shrink(options, (line) => console.log(line));
    console.log(`\nReplay: ${commandOf(smallest)}`);
    process.exit(1);
  }
  if (count > 1 && (seed - first + 1) % 50 === 0)
    console.log(
      `${seed - first + 1} runs, ${checks} checks, ${Math.round((performance.now() - startMs) / 1_000)} s`,
    );
}
if (count > 1) {
  console.log(
    `${count} runs passed with ${checks} checks in ${Math.round((performance.now() - startMs) / 1_000)} s. What happened:`,
  );
  for (const fault of FAULTS)
    console.log(`  ${String(totals.get(fault) ?? 0).padStart(8)}  ${fault}`);
}

function print({
  seed,
  clients,
  checks: checked,
  step,
  atMs,
  traceHash,
  failure,
  faults: happened,
}: RunResult): void {
  console.log(
    `seed ${seed}: ${clients} clients, ${checked} checks, ${step} steps, ${atMs} simulated ms, trace ${traceHash}`,
  );
  console.log(`  ${[...happened].map(([fault, times]) => `${fault} ${times}`).join(", ")}`);
  if (failure !== undefined) console.log(`FAILED at step ${step}, ${atMs} ms:\n${failure}`);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
