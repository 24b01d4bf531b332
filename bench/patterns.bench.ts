/**
 * Two older patterns of live rows and ours on one page in Chromium: a list of the newest open
 * orders, three times, from one producer, each over its own DuckDB file. Per pattern the time from
 * a row's making to the screen, what it asks for and gets, the server's CPU, and rows that are wrong
 * or missing for more than a second while the list calls itself live. Connections are cut now and
 * then. Needs CHROMIUM_PATH.
 * `npm run bench -- patterns [seconds] [rows/s] [--show]`: `--show` serves the page for a
 * browser of yours until Ctrl+C, and measures nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { launchChromium } from "../test/support/launch-chromium.ts";
import type { Shown, Verdict } from "./patterns/truth.ts";
import { startChild, type Child, type CpuUsage } from "./support/child.ts";
import { startCutProxy, type CutProxy } from "./support/cut-proxy.ts";
import { fixed, goal, machine, percentile, table } from "./support/report.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { show: { type: "boolean", default: false } },
});
const [SECONDS = 60, PER_SECOND = 200] = positionals.map(Number);
const WARM_UP_MS = 3_000;
const CUT_EVERY_MS = 20_000;
/** What is on the screen for longer than this after it changed is wrong. */
const GRACE_MS = 1_000;
const PATTERNS = {
  tidemark: "Tidemark, history in DuckDB",
  "row-push": "200 ms flush, rows pushed",
  refetch: "batches of 50, refetch",
} as const;
type Name = keyof typeof PATTERNS;
const NAMES = Object.keys(PATTERNS) as readonly Name[];

interface OnPage {
  readonly latencies: readonly number[];
  readonly samples: readonly Shown[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const folder = mkdtempSync(join(tmpdir(), "tidemark-patterns-"));
const assets = join(folder, "page");
await build({
  root: fileURLToPath(new URL("./patterns", import.meta.url)),
  configFile: false,
  logLevel: "error",
  build: { outDir: assets, emptyOutDir: true, target: "es2022" },
  worker: { format: "es" },
});

const feeder = await startChild("../patterns/feeder");
const servers = new Map<Name, Child>();
const proxies = new Map<Name, CutProxy>();
const rowPorts: number[] = [];
for (const name of NAMES) {
  const server = await startChild("../patterns/server", [
    name,
    join(folder, `orders-${name}.duckdb`),
    assets,
  ]);
  servers.set(name, server);
  proxies.set(name, await startCutProxy(await server.ask<number>({ kind: "port" })));
  rowPorts.push(await server.ask<number>({ kind: "rowPort" }));
}
const portOf = (name: Name): number => proxies.get(name)?.port ?? 0;
const query = `row-push=${portOf("row-push")}&refetch=${portOf("refetch")}`;
const address = `http://127.0.0.1:${portOf("tidemark")}/?${query}`;
const cuts = setInterval(() => {
  for (const proxy of proxies.values()) proxy.cut();
}, CUT_EVERY_MS);

try {
  await feeder.ask({ kind: "run", ports: rowPorts, perSecond: PER_SECOND });
  if (values.show) {
    console.log(`Open ${address}; Ctrl+C ends it.`);
    await new Promise((resolve) => process.once("SIGINT", resolve));
  } else await measure();
} finally {
  clearInterval(cuts);
  for (const child of [feeder, ...servers.values()]) await child.stop();
  for (const proxy of proxies.values()) proxy.close();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const browser = await launchChromium();
  const page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
  await page.goto(address);
  await pause(WARM_UP_MS);
  await page.evaluate("resetPatterns()");
  for (const name of NAMES) {
    proxies.get(name)?.read();
    await servers.get(name)?.ask({ kind: "reset" });
  }
  await pause(SECONDS * 1_000);
  const onPage = await page.evaluate<Readonly<Record<Name, OnPage>>>("readPatterns()");
  await browser.close();
  const lines: (readonly (string | number)[])[] = [];
  const verdicts = new Map<Name, Verdict>();
  for (const name of NAMES) {
    const { latencies, samples } = onPage[name];
    const traffic = proxies.get(name)?.read() ?? { requests: 0, bytes: 0 };
    const served = await (servers.get(name) as Child).ask<CpuUsage & { rowCount: number }>({
      kind: "read",
    });
    const verdict = await feeder.ask<Verdict>({ kind: "judge", samples, graceMs: GRACE_MS });
    verdicts.set(name, verdict);
    const share = (count: number): string => fixed((count / verdict.all) * 100, 2);
    lines.push([
      PATTERNS[name],
      ...[0.5, 0.95, 0.99].map((each) => fixed(percentile(latencies, each), 0)),
      traffic.requests,
      fixed(traffic.bytes / 1_000 / SECONDS, 1),
      fixed((served.cpuMs / served.rowCount) * 1_000, 0),
      share(verdict.wrong),
      share(verdict.missing),
      fixed((verdict.marked / samples.length) * 100, 1),
    ]);
  }
  console.log(
    `${PER_SECOND} rows/s for ${SECONDS} s, connections cut every ${CUT_EVERY_MS / 1_000} s\n${await machine()}\n`,
  );
  const header = [
    "on screen: p50 ms",
    "p95",
    "p99",
    "requests",
    "kB/s",
    "server CPU ms/1,000 rows",
  ];
  console.log(table(["", ...header, "wrong rows %", "missing %", "said so %"], lines), "\n");
  const ours = verdicts.get("tidemark");
  const isExact = ours !== undefined && ours.wrong + ours.missing === 0;
  console.log(goal(`no row of our live list is wrong or missing for ${GRACE_MS} ms`, isExact));
}
