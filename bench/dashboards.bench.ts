/**
 * The memory of `npm start`: all dashboards are opened in headless Chromium, stay open for a while,
 * and the memory of the start page's process and of all that it has started is summed up. Needs
 * CHROMIUM_PATH, a build, and /proc. `npm run bench -- dashboards [seconds]`
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/support/free-port.ts";
import { launchChromium } from "../test/support/launch-chromium.ts";
import { fixed, goal, machine, table } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? "60");
const MEGABYTES_MAX = 900;
const BYTES_PER_MEGABYTE = 1e6;
const SAMPLE_MS = 1_000;
/** What each page has when it shows rows. */
const SHOWN = {
  explorer: ".grid-row[data-key]",
  review: "[data-key]",
  trading: '[data-kind="tape"] [data-key]',
  heatmap: ".chart[data-painted]",
  mempool: '[data-panel="transactions"] [data-key]',
} as const;

interface Usage {
  readonly name: string;
  readonly bytes: number;
}

/** A process with its descendants, each with its proportional share of shared memory. */
function usages(pid: number): readonly Usage[] {
  const folder = `/proc/${pid}`;
  try {
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${folder}/smaps_rollup`, "utf8"))?.[1];
    const program = readFileSync(`${folder}/cmdline`, "utf8")
      .split("\0")
      .find((word) => /\.m?js$/.test(word));
    const name = program === undefined ? String(pid) : nameOf(program);
    const children = readFileSync(`${folder}/task/${pid}/children`, "utf8").trim();
    const below =
      children === "" ? [] : children.split(" ").flatMap((each) => usages(Number(each)));
    return [{ name, bytes: Number(pss) * 1_024 }, ...below];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function nameOf(program: string): string {
  const parts = program.split("/");
  return basename(program) === "main.js" ? (parts.at(-2) ?? program) : basename(program);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

if (!existsSync("/proc/self/smaps_rollup")) {
  console.log("Skipped: there is no /proc/self/smaps_rollup on this system.");
  process.exit(0);
}
const port = await freePort();
const script = fileURLToPath(new URL("../scripts/start.mjs", import.meta.url));
const start = spawn(process.execPath, [script, "demo"], {
  env: { ...process.env, PORT: String(port) },
  stdio: "ignore",
});
const { pid = 0 } = start;
// However this program ends, also when Chromium can't be started.
process.once("exit", () => start.kill("SIGTERM"));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const browser = await launchChromium();
let samples: (readonly Usage[])[] = [];
try {
  for (const [name, shown] of Object.entries(SHOWN)) {
    const page = await browser.newPage();
    for (;;)
      try {
        await page.goto(`http://localhost:${port}/open/${name}`);
        break;
      } catch {
        // The start page is not served yet.
        await pause(SAMPLE_MS);
      }
    await page.locator(shown).first().waitFor({ timeout: 120_000 });
    console.log(`${name} is open`);
  }
  for (let second = 0; second < SECONDS; second++) {
    await pause(SAMPLE_MS);
    samples = [...samples, usages(pid)];
  }
} finally {
  await browser.close();
}

const sumOf = (all: readonly Usage[]): number =>
  all.reduce((sum, { bytes }) => sum + bytes, 0) / BYTES_PER_MEGABYTE;
const sums = samples.map(sumOf);
const last = samples.at(-1) ?? [];
console.log(`npm start with all dashboards open for ${SECONDS} s\n${await machine()}\n`);
console.log(
  table(
    ["process", "MB at the end"],
    last.map(({ name, bytes }) => [name, fixed(bytes / BYTES_PER_MEGABYTE, 0)]),
  ),
);
const [end, most] = [sums.at(-1) ?? Number.NaN, Math.max(...sums)];
console.log(`\ntogether ${fixed(end, 0)} MB at the end, ${fixed(most, 0)} MB at most`);
console.log(goal(`together below ${MEGABYTES_MAX} MB`, end < MEGABYTES_MAX));
process.exit(end < MEGABYTES_MAX ? 0 : 1);
