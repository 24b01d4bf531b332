/**
 * The frames of the trading dashboard in headless Chromium without a GPU, with its usual widgets,
 * while thousands of rows arrive in a second; how old a trade is when the tape shows it; how long
 * the page's thread works; and what it keeps in memory: its heap after forced collections, and over
 * a run of minutes whether it grows. Needs CHROMIUM_PATH and a build.
 * `npm run bench -- trading [rows per second of the feed] [seconds]`
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../test/support/launch-chromium.ts";
import { fixed, goal, machine, percentile, table } from "./support/report.ts";
import { isRising, trendOf } from "./support/trend.ts";

const [rate = "5000", seconds = "60"] = process.argv.slice(2);
const SECONDS = Number(seconds);
const SETTLE_MS = 15_000;
const FRAME_P99_MS = 20;
const LONG_TASK_MS = 50;
const SHOWN_P99_MS = 100;
const HEAP_EVERY_S = 15;
const HEAP_SAMPLES = Math.max(4, Math.round(SECONDS / HEAP_EVERY_S));
/** Over less time a slope says nothing. */
const TREND_SECONDS_MIN = 300;

const program = fileURLToPath(new URL("../dist-examples/trading/main.js", import.meta.url));
const server = spawn(process.execPath, [program, "--rate", rate], {
  env: { ...process.env, PORT: "0" },
});
// However this program ends, also when Chromium can't be started.
process.once("exit", () => server.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const url = await new Promise<string>((resolve, reject) => {
  let output = "";
  server.stdout.on("data", (chunk: Buffer) => {
    output += String(chunk);
    const found = /Trading dashboard: (http:\S+)/.exec(output)?.[1];
    if (found !== undefined) resolve(found);
  });
  server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
});

interface Sample {
  /** Between the times of frames, as the browser numbers them: a missed one is one interval more. */
  readonly frames: readonly number[];
  /** Between the moments at which the page's thread came to them: it may be late within a frame. */
  readonly starts: readonly number[];
  /** Of the newest trade, in the frame after the one in which the tape has shown it. */
  readonly ages: readonly number[];
  readonly longTasks: readonly number[];
}

/** The intervals of frames, ages of trades, and the tasks that took long. */
const measure = (ms: number): string => `new Promise((resolve) => {
  const frames = [];
  const ages = [];
  let newest;
  const look = () => {
    const text = document.querySelector('[data-kind="tape"] [aria-rowindex="2"]')?.firstChild;
    if (text?.textContent === newest) return;
    newest = text?.textContent;
    const [hours, minutes, seconds] = newest.split(":").map(Number);
    const today = new Date().setHours(hours, minutes, 0, 0);
    ages.push(Date.now() - today - seconds * 1000);
  };
  const longTasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration);
  });
  observer.observe({ type: "longtask" });
  const starts = [];
  let frameBefore = 0;
  let before = performance.now();
  const end = before + ${ms};
  const frame = (frameMs) => {
    const now = performance.now();
    frames.push(frameMs - frameBefore);
    starts.push(now - before);
    frameBefore = frameMs;
    before = now;
    look();
    if (now < end) return requestAnimationFrame(frame);
    observer.disconnect();
    resolve({ frames: frames.slice(2), starts: starts.slice(2), ages: ages.slice(2), longTasks });
  };
  requestAnimationFrame(frame);
})`;

const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(url);
await page.locator('[data-kind="tape"] [data-key]').first().waitFor();
await page.locator('[data-kind="candles"] canvas').first().waitFor();
await page.evaluate(measure(SETTLE_MS));
const session = await page.context().newCDPSession(page);
await session.send("Performance.enable");
/** What the page's thread has worked since it began. */
const workedMs = async (): Promise<number> => {
  const { metrics } = await session.send("Performance.getMetrics");
  return 1_000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
};
const heapMb = async (): Promise<number> => {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize / 1e6;
};
const rows: number[] = [];
const frames: number[] = [];
const ages: number[] = [];
const works: number[] = [];
const starts: number[] = [];
const longTasks: number[] = [];
/** In minutes and megabytes. */
const heap: (readonly [number, number])[] = [];
const beganMs = performance.now();
const sampleHeap = async (): Promise<void> =>
  void heap.push([(performance.now() - beganMs) / 60_000, await heapMb()]);
await sampleHeap();
for (let part = 0; part < HEAP_SAMPLES; part++) {
  const workedBefore = await workedMs();
  const sample = await page.evaluate<Sample>(measure((SECONDS / HEAP_SAMPLES) * 1_000));
  works.push(((await workedMs()) - workedBefore) / (SECONDS / HEAP_SAMPLES));
  ages.push(...sample.ages);
  frames.push(...sample.frames);
  starts.push(...sample.starts);
  longTasks.push(...sample.longTasks);
  await sampleHeap();
  const strip = await page.locator(".strip").innerText();
  rows.push(Number((/rows\/s\s+([\d,.]+)/.exec(strip)?.[1] ?? "0").replaceAll(",", "")));
}
await browser.close();

const megabytes = heap.map(([, each]) => each);
console.log(`feed of ${rate} rows/s, ${SECONDS} s\n${await machine()}\n`);
console.log(
  table(
    [
      "rows/s at the page",
      "frames/s",
      "p50 ms",
      "p99 ms",
      "worst ms",
      "starts: p99 ms",
      "long tasks",
      "trade on screen: p50, p99 ms",
      "work ms/s",
      "heap MB: least, median, most",
    ],
    [
      [
        fixed(percentile(rows, 0.5), 0),
        fixed(frames.length / SECONDS, 1),
        ...[0.5, 0.99, 1].map((share) => fixed(percentile(frames, share), 1)),
        fixed(percentile(starts, 0.99), 1),
        `${longTasks.length} (${fixed(Math.max(0, ...longTasks), 0)} ms)`,
        [0.5, 0.99].map((share) => fixed(percentile(ages, share), 0)).join(" "),
        fixed(percentile(works, 0.5), 0),
        [0, 0.5, 1].map((share) => fixed(percentile(megabytes, share), 1)).join(" "),
      ],
    ],
  ),
);
console.log();
console.log(goal(`frames: p99 under ${FRAME_P99_MS} ms`, percentile(frames, 0.99) < FRAME_P99_MS));
console.log(goal(`starts: p99 under ${FRAME_P99_MS} ms`, percentile(starts, 0.99) < FRAME_P99_MS));
console.log(
  goal(`trades on screen: p99 under ${SHOWN_P99_MS} ms`, percentile(ages, 0.99) < SHOWN_P99_MS),
);
console.log(goal(`no task over ${LONG_TASK_MS} ms`, longTasks.length === 0));
if (SECONDS >= TREND_SECONDS_MIN) {
  const trend = trendOf(heap);
  const slope = `${fixed(trend.slope * 1_000, 1)} ± ${fixed(trend.error * 1_000, 1)} kB/min`;
  console.log(`\nheap, MB: ${megabytes.map((each) => fixed(each, 2)).join(" ")}`);
  console.log(goal(`heap: a slope of ${slope} is not above zero`, !isRising(trend)));
}
process.exit(0);
