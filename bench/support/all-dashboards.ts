/**
 * What `npm start` starts, with all dashboards open in headless Chromium, and the memory of the
 * processes. Needs a build, CHROMIUM_PATH, and /proc.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { freePort } from "../../test/support/free-port.ts";
import { launchChromium } from "../../test/support/launch-chromium.ts";

/** All processes of `npm start` together have less, in megabytes of 1,000,000 bytes. */
export const MEGABYTES_MAX = 900;
/** Whether this system tells the memory of a process. */
export const isMeasurable = existsSync("/proc/self/smaps_rollup");

const BYTES_PER_MEGABYTE = 1e6;
const RETRY_MS = 500;
const SHOWN_MS_MAX = 120_000;
/** What each page has when it shows rows. */
const SHOWN = {
  explorer: ".grid-row[data-key]",
  review: "[data-key]",
  trading: '[data-kind="tape"] [data-key]',
  heatmap: ".chart[data-painted]",
  mempool: '[data-panel="transactions"] [data-key]',
} as const;
type Name = keyof typeof SHOWN;
export const NAMES = Object.keys(SHOWN) as readonly Name[];

/** A process, with its share of the memory that it has in common with others. */
export interface Usage {
  readonly name: string;
  readonly megabytes: number;
}

export class AllDashboards {
  readonly #start: ChildProcess;
  readonly #url: string;
  readonly #browser: Browser;

  private constructor(start: ChildProcess, url: string, browser: Browser) {
    this.#start = start;
    this.#url = url;
    this.#browser = browser;
  }

  static async start(): Promise<AllDashboards> {
    const port = await freePort();
    const script = fileURLToPath(new URL("../../scripts/start.mjs", import.meta.url));
    const start = spawn(process.execPath, [script, "demo"], {
      env: { ...process.env, PORT: String(port) },
      stdio: "ignore",
    });
    // However this program ends, also when Chromium can't be started.
    process.once("exit", () => start.kill("SIGTERM"));
    return new AllDashboards(start, `http://localhost:${port}`, await launchChromium());
  }

  /** Opens a dashboard, which starts where that is needed, and resolves when it shows rows. */
  async open(name: Name): Promise<Page> {
    const page = await this.#browser.newPage();
    const untilMs = performance.now() + SHOWN_MS_MAX;
    // The start page may not be served yet.
    while (!(await isOpened(page, `${this.#url}/open/${name}`))) {
      if (this.#hasEnded || page.isClosed() || performance.now() > untilMs)
        throw new Error(`The ${name} dashboard can't be opened.`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    await page.locator(SHOWN[name]).first().waitFor({ timeout: SHOWN_MS_MAX });
    return page;
  }

  /** The start page's process, and then the dashboards'. */
  usages(): readonly Usage[] {
    return usagesBelow(this.#start.pid ?? 0);
  }

  get #hasEnded(): boolean {
    return this.#start.exitCode !== null || this.#start.signalCode !== null;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    if (this.#hasEnded) return;
    const ended = new Promise((resolve) => this.#start.once("exit", resolve));
    this.#start.kill("SIGTERM");
    await ended;
  }
}

export function sumOf(usages: readonly Usage[]): number {
  return usages.reduce((sum, { megabytes }) => sum + megabytes, 0);
}

async function isOpened(page: Page, url: string): Promise<boolean> {
  try {
    return (await page.goto(url))?.ok() === true;
  } catch {
    return false;
  }
}

/** A process with its descendants, each with its proportional share of shared memory (PSS). */
function usagesBelow(pid: number): readonly Usage[] {
  const folder = `/proc/${pid}`;
  try {
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${folder}/smaps_rollup`, "utf8"))?.[1];
    const program = readFileSync(`${folder}/cmdline`, "utf8")
      .split("\0")
      .find((word) => /\.m?js$/.test(word));
    const name = program === undefined ? String(pid) : nameOf(program);
    const children = readFileSync(`${folder}/task/${pid}/children`, "utf8").trim();
    const below =
      children === "" ? [] : children.split(" ").flatMap((each) => usagesBelow(Number(each)));
    return [{ name, megabytes: (Number(pss) * 1_024) / BYTES_PER_MEGABYTE }, ...below];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function nameOf(program: string): string {
  const parts = program.split("/");
  return basename(program) === "main.js" ? (parts.at(-2) ?? program) : basename(program);
}
