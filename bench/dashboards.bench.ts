/**
 * The memory of `npm start`: all dashboards are opened in headless Chromium, stay open for a while,
 * and the memory of the start page's process and of all that it has started is summed up. Fails
 * when that is too much at the end. Needs CHROMIUM_PATH, a build, and /proc.
 * `npm run bench -- dashboards [seconds]`
 */
import {
  AllDashboards,
  isMeasurable,
  MEGABYTES_MAX,
  NAMES,
  sumOf,
  type Usage,
} from "./support/all-dashboards.ts";
import { fixed, goal, machine, table } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? "60");
const SAMPLE_MS = 1_000;
/** Lines of the curve; each is the mean of its part of the time. */
const PARTS = 8;

if (!isMeasurable) {
  console.log("Skipped: there is no /proc/self/smaps_rollup on this system.");
  process.exit(0);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const dashboards = await AllDashboards.start();
let samples: (readonly Usage[])[] = [];
try {
  for (const name of NAMES) {
    await dashboards.open(name);
    console.log(`${name} is open`);
  }
  for (let second = 0; second < SECONDS; second++) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    samples = [...samples, dashboards.usages()];
  }
} finally {
  await dashboards.stop();
}

const sums = samples.map(sumOf);
const last = samples.at(-1) ?? [];
console.log(`npm start with all dashboards open for ${SECONDS} s\n${await machine()}\n`);
console.log(
  table(
    ["process", "MB at the end"],
    last.map(({ name, megabytes }) => [name, fixed(megabytes, 0)]),
  ),
);
console.log(`\n${table(["until second", "MB together, mean"], curveOf(sums))}`);
const [end, most] = [sums.at(-1) ?? Number.NaN, Math.max(...sums)];
console.log(`\ntogether ${fixed(end, 0)} MB at the end, ${fixed(most, 0)} MB at most`);
console.log(goal(`together below ${MEGABYTES_MAX} MB after ${SECONDS} s`, end < MEGABYTES_MAX));
process.exit(end < MEGABYTES_MAX ? 0 : 1);

/** The mean of each eighth of the time. */
function curveOf(values: readonly number[]): readonly (readonly [string, string])[] {
  const width = Math.ceil(values.length / PARTS);
  return Array.from({ length: Math.ceil(values.length / width) }, (_, part) => {
    const own = values.slice(part * width, (part + 1) * width);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    return [String(part * width + own.length), fixed(mean, 0)] as const;
  });
}
