/**
 * The page's half of the soak of the mempool dashboard: how long its list and its details take,
 * frames that it missed, and the heaps of page and worker.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type CDPSession, type Page } from "playwright-core";
import { messageOf } from "../../src/std/errors.ts";
import { launchChromium } from "../../test/support/launch-chromium.ts";
import type { Probe } from "./mempool.ts";
import { percentileGate, percentilesOf, slopeGate, type Gate, type Sample } from "./report.ts";

const MB = 1_048_576;
const LIST_P95_MS = 50;
const DETAIL_MS = 50;
const HEAP_MB = 120;
const HEAP_SLOPE_MB_PER_HOUR = 10;
const DETAIL_SLOPE_MS_PER_HOUR = 5;
const DETAIL_EVERY_MS = 1_000;
/** Different ones that are reported. */
const MESSAGES_MAX = 3;

const TITLES = {
  pageHeapMb: "page heap after collection, MB",
  workerHeapMb: "worker heap after collection, MB",
  rendererHeapMb: "page and worker heap, MB",
  listP95Ms: "list update, p95, ms",
  detailOpenP95Ms: "details opened, p95, ms",
  missedFrames: "frames missed, % of all",
} as const;

const PICTURES = [
  {
    file: "page-heap",
    title: "Heap of the page",
    names: ["pageHeapMb", "workerHeapMb", "rendererHeapMb"],
  },
  { file: "page-latency", title: "The page", names: ["listP95Ms", "detailOpenP95Ms"] },
];

/** What the page measures of itself. */
interface PageMeter {
  /** Transactions that came to the top of the list, with the time of the frame that had them. */
  takeShown(): readonly (readonly [hash: string, atMs: number])[];
  takeFrames(): { readonly frames: number; readonly missed: number };
  /** Presses a row; from there to the frame with its details, in milliseconds. */
  openDetail(): Promise<number>;
}

export class MempoolPage implements Probe {
  readonly titles = TITLES;
  readonly pictures = PICTURES;
  readonly #listMs: number[] = [];
  readonly #detailMs: number[] = [];
  #detailPart: number[] = [];
  #failed = 0;
  /** What some of them said. */
  readonly #messages = new Set<string>();
  #url = "";
  #browser: Browser | undefined;
  #page: Page | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "tidemark-soak-"));
  #devtools: CDPSession | undefined;
  #worker: WorkerHeap | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  async start(url: string): Promise<void> {
    this.#url = url;
    this.#browser = await this.#launch();
    const page = await this.#browser.newPage({ viewport: { width: 1_440, height: 900 } });
    this.#page = page;
    page.on("pageerror", (error) => this.#fail(error));
    // What the loader of TypeScript puts around functions.
    await page.addInitScript("globalThis.__name = (value) => value;");
    await page.addInitScript(installMeter);
    this.#devtools = await page.context().newCDPSession(page);
    this.#worker = new WorkerHeap(this.#devtools);
    await this.#worker.start();
    await page.goto(url);
    await page.locator('[data-panel="transactions"] [data-key]').first().waitFor();
    this.#timer = setInterval(() => void this.#openDetail(), DETAIL_EVERY_MS);
  }

  async sample(): Promise<Readonly<Record<string, number>>> {
    const page = this.#page as Page;
    const shown = await page.evaluate(() =>
      (globalThis as unknown as { pageMeter: PageMeter }).pageMeter.takeShown(),
    );
    const listMs = await this.#agesOf(shown);
    this.#listMs.push(...listMs);
    const { frames, missed } = await page.evaluate(() =>
      (globalThis as unknown as { pageMeter: PageMeter }).pageMeter.takeFrames(),
    );
    const pageHeapMb = (await heapOf((method) => this.#devtools?.send(method as never))) / MB;
    const workerHeapMb = ((await this.#worker?.read()) ?? 0) / MB;
    const detailPart = this.#detailPart;
    this.#detailPart = [];
    return {
      pageHeapMb,
      workerHeapMb,
      rendererHeapMb: pageHeapMb + workerHeapMb,
      ...percentilesOf({ listP95Ms: listMs, detailOpenP95Ms: detailPart }, 0.95),
      missedFrames: (missed / Math.max(1, frames + missed)) * 100,
    };
  }

  gates(samples: readonly Sample[]): readonly Gate[] {
    const heaps = samples.map((sample) => sample["rendererHeapMb"] ?? 0);
    return [
      percentileGate("list update", this.#listMs, 0.95, LIST_P95_MS),
      percentileGate("details opened", this.#detailMs, 0.95, DETAIL_MS),
      { what: "page and worker heap, most, MB", measured: Math.max(...heaps), ceiling: HEAP_MB },
      slopeGate(samples, "rendererHeapMb", TITLES.rendererHeapMb, HEAP_SLOPE_MB_PER_HOUR),
      slopeGate(samples, "detailOpenP95Ms", TITLES.detailOpenP95Ms, DETAIL_SLOPE_MS_PER_HOUR),
    ];
  }

  get failures(): readonly string[] {
    if (this.#failed === 0) return [];
    const some = Array.from(this.#messages).join("; ");
    return [`${this.#failed} details or scripts of the page failed: ${some}`];
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#browser?.close();
    rmSync(this.#folder, { recursive: true });
  }

  /** On other machines, as people have it, the browser would not take the server's processor. */
  #launch(): Promise<Browser> {
    const path = process.env["CHROMIUM_PATH"] ?? chromium.executablePath();
    const script = join(this.#folder, "chromium");
    writeFileSync(script, `#!/bin/sh\nexec nice -n 10 "${path}" "$@"\n`, { mode: 0o755 });
    return launchChromium(script);
  }

  async #openDetail(): Promise<void> {
    try {
      const ms = await this.#page?.evaluate(() =>
        (globalThis as unknown as { pageMeter: PageMeter }).pageMeter.openDetail(),
      );
      if (ms === undefined) return;
      this.#detailMs.push(ms);
      this.#detailPart.push(ms);
    } catch (error) {
      if (this.#browser?.isConnected() === true) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failed++;
    if (this.#messages.size < MESSAGES_MAX) this.#messages.add(messageOf(error));
  }

  /** From the server's receipt to the frame, of those that the server still has. */
  async #agesOf(shown: readonly (readonly [string, number])[]): Promise<number[]> {
    const response = await fetch(`${this.#url}/dashboard/snapshot-v2?channels=tx.main`);
    const { channels } = (await response.json()) as {
      readonly channels: Readonly<
        Record<string, { readonly rows: readonly { hash: string; seen_unix_ms: number }[] }>
      >;
    };
    const seen = new Map(
      channels["tx.main"]?.rows.map(({ hash, seen_unix_ms }) => [hash, seen_unix_ms]),
    );
    return shown.flatMap(([hash, atMs]) => {
      const seenMs = seen.get(hash);
      return seenMs === undefined ? [] : [atMs - seenMs];
    });
  }
}

/** The heap of the page's worker, which the DevTools protocol reaches through the page. */
class WorkerHeap {
  readonly #page: CDPSession;
  readonly #waiting = new Map<number, (result: never) => void>();
  #session: string | undefined;
  #nextId = 1;

  constructor(page: CDPSession) {
    this.#page = page;
  }

  async start(): Promise<void> {
    this.#page.on("Target.attachedToTarget", ({ sessionId }) => (this.#session = sessionId));
    this.#page.on("Target.receivedMessageFromTarget", ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result: never };
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
    await this.#page.send("Target.setAutoAttach", {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
  }

  async read(): Promise<number> {
    return this.#session === undefined ? 0 : heapOf((method) => this.#ask(method));
  }

  #ask(method: string): Promise<unknown> {
    const id = this.#nextId++;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    void this.#page.send("Target.sendMessageToTarget", {
      sessionId: this.#session ?? "",
      message: JSON.stringify({ id, method }),
    });
    return answer;
  }
}

/** After a collection, in bytes. */
async function heapOf(ask: (method: string) => Promise<unknown> | undefined): Promise<number> {
  await ask("HeapProfiler.collectGarbage");
  const usage = (await ask("Runtime.getHeapUsage")) as { readonly usedSize: number } | undefined;
  return usage?.usedSize ?? 0;
}

/** Runs in the page, before its own scripts. */
function installMeter(): void {
  const SHOWN_MAX = 500;
  const FRAME_MS = 1_000 / 60;
  let shown: [string, number][] = [];
  let [frames, missed, lastMs] = [0, 0, performance.now()];
  const keyOf = (row: HTMLElement): string => row.dataset["key"] ?? "";
  const look = (atMs: number): void => {
    frames++;
    missed += Math.max(0, Math.round((atMs - lastMs) / FRAME_MS) - 1);
    lastMs = atMs;
    const top = document.querySelector<HTMLElement>(
      '[data-panel="transactions"] .live-row[style*="translateY(0px)"]',
    );
    if (top !== null && shown.at(-1)?.[0] !== keyOf(top)) {
      shown.push([keyOf(top), Date.now()]);
      if (shown.length > SHOWN_MAX) shown.shift();
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const pageMeter: PageMeter = {
    takeShown: () => {
      const taken = shown;
      shown = shown.slice(-1);
      return taken;
    },
    takeFrames: () => {
      const taken = { frames, missed };
      [frames, missed] = [0, 0];
      return taken;
    },
    openDetail: async () => {
      const rows = document.querySelectorAll<HTMLElement>('[data-panel="transactions"] .live-row');
      const row = rows[Math.floor(Math.random() * rows.length)] as HTMLElement;
      const hash = keyOf(row);
      row.click();
      for (;;) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const took = document.querySelector<HTMLElement>(".detail .took[data-ms]");
        const isShown = document.querySelector(".detail .hash")?.textContent === hash;
        if (isShown && took !== null) return Number(took.dataset["ms"]);
      }
    },
  };
  Object.assign(globalThis, { pageMeter });
}
