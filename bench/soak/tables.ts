/**
 * The soak of tables: a server with 20 and 200 changes a second, and a page in Chromium that shows
 * them and opens the details of a row each second. Fails when memory grows.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CDPSession, Page } from "playwright-core";
import { launchChromium } from "../../test/support/launch-chromium.ts";
import { build } from "vite";
import { startChild, type Child } from "../support/child.ts";
import { slopeGate, writeReport, type Report, type Sample } from "./report.ts";

const SAMPLE_MS = 10_000;
const MB = 1_048_576;
/** MB per hour that a heap may grow over the second half of the run before it counts as a leak. */
const SLOPE_MB_PER_HOUR_MAX = 10;

const TITLES = {
  serverHeapMb: "server heap after collection, MB",
  serverRssMb: "server RSS, MB",
  pageHeapMb: "page heap after collection, MB",
  latencyP50Ms: "commit to page, p50, ms",
  latencyP99Ms: "commit to page, p99, ms",
  detailP50Ms: "detail, p50, ms",
  detailP99Ms: "detail, p99, ms",
  cpuPercent: "server CPU, % of a core",
} as const;

const PICTURES: Report["pictures"] = [
  { file: "memory", title: "Memory", names: ["serverHeapMb", "serverRssMb", "pageHeapMb"] },
  {
    file: "latency",
    title: "Latency",
    names: ["latencyP50Ms", "latencyP99Ms", "detailP50Ms", "detailP99Ms"],
  },
];

interface ServerStats {
  readonly heapUsed: number;
  readonly rss: number;
  readonly external: number;
  readonly written: number;
  readonly cpu: { readonly cpuMs: number; readonly wallMs: number };
}

interface PageStats {
  readonly state: string;
  readonly carrier: string;
  readonly usesWorker: boolean;
  readonly rows: number;
  readonly latencyP50Ms?: number;
  readonly latencyP99Ms?: number;
  readonly gaps: number;
  readonly drifts: number;
  readonly detailErrors: number;
  readonly metrics: {
    readonly rowLatencyMs: { readonly p50?: number; readonly p99?: number };
    readonly renderDropRatio: number;
  };
}

/** What is read at one moment. */
interface Reading {
  readonly sample: Sample;
  readonly server: ServerStats;
  readonly page: PageStats;
}

export async function soakTables(minutes: number, out: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-soak-"));
  await buildPage(folder);
  const server = await startChild("../soak/server", [folder], { nodeFlags: ["--expose-gc"] });
  const browser = await launchChromium();
  try {
    const port = await server.ask<number>({ kind: "port" });
    const page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`http://localhost:${port}/page.html`);
    await page.waitForFunction(
      () => (globalThis as unknown as { pageStats(): PageStats }).pageStats().state === "open",
    );
    const devtools = await page.context().newCDPSession(page);
    const readings: Reading[] = [];
    const startMs = performance.now();
    while (performance.now() - startMs < minutes * 60_000) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      const reading = await read(server, page, devtools, startMs);
      readings.push(reading);
      const { state } = reading.page;
      if (state !== "open")
        errors.push(`the page is ${state} after ${Math.round(reading.sample.minute * 60)} s`);
    }
    return report(minutes, out, readings, errors);
  } finally {
    await browser.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function buildPage(folder: string): Promise<void> {
  const source = fileURLToPath(new URL(".", import.meta.url));
  await build({
    root: source,
    configFile: false,
    logLevel: "error",
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2022",
      rollupOptions: { input: join(source, "page.html") },
    },
    worker: { format: "es" },
  });
}

async function read(
  child: Child,
  browserPage: Page,
  devtools: CDPSession,
  startMs: number,
): Promise<Reading> {
  const server = await child.ask<ServerStats>({ kind: "read" });
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const page = await browserPage.evaluate(() =>
    (globalThis as unknown as { pageStats(): PageStats }).pageStats(),
  );
  const { p50 = 0, p99 = 0 } = page.metrics.rowLatencyMs;
  const sample = {
    minute: (performance.now() - startMs) / 60_000,
    serverHeapMb: server.heapUsed / MB,
    serverRssMb: server.rss / MB,
    pageHeapMb: usedSize / MB,
    latencyP50Ms: page.latencyP50Ms ?? 0,
    latencyP99Ms: page.latencyP99Ms ?? 0,
    detailP50Ms: p50,
    detailP99Ms: p99,
    cpuPercent: (server.cpu.cpuMs / server.cpu.wallMs) * 100,
  };
  return { sample, server, page };
}

function report(
  minutes: number,
  out: string,
  readings: readonly Reading[],
  errors: readonly string[],
): boolean {
  const samples = readings.map(({ sample }) => sample);
  const last = readings.at(-1);
  if (last === undefined) throw new Error("A run of less than a sample has no report.");
  const { page, server } = last;
  return writeReport(out, {
    scenario: "tables",
    minutes,
    titles: TITLES,
    samples,
    gates: (["serverHeapMb", "pageHeapMb"] as const).map((name) =>
      slopeGate(samples, name, TITLES[name], SLOPE_MB_PER_HOUR_MAX),
    ),
    pictures: PICTURES,
    notes: [
      `${minutes} minutes, ${server.written} rows written, a page over ${page.carrier}${page.usesWorker ? " in a worker" : ""} holding ${page.rows} rows.`,
      `Gaps ${page.gaps}, drifts ${page.drifts}, failed details ${page.detailErrors}, turns shown together with a later one ${(page.metrics.renderDropRatio * 100).toFixed(1)} %.`,
    ],
    failures: [...errors, ...(page.gaps + page.drifts > 0 ? ["frames were missing"] : [])],
  });
}
