/**
 * The client in Chromium: in a worker, without a worker under a strict CSP, with one commit per
 * frame and none while hidden; and the sizes of its bundles.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TidemarkOptions } from "../src/index.ts";
import { startTrades, stopAll, trade } from "./support/trades-server.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const client = fileURLToPath(new URL("../src/client/index.ts", import.meta.url));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/**
 * The sizes of the bundles, gzipped: of what the page loads at once (with this test's script and
 * the bundler's loader), of its worker, and of the part that writes.
 */
const PAGE_BYTES_MAX = 11_600;
const WORKER_BYTES_MAX = 14_500;
const WRITES_BYTES_MAX = 3_600;

interface Probe {
  readonly commits: number;
  readonly frames: number;
  readonly price: number | undefined;
  readonly status: string;
  readonly usesWorker: boolean;
  readonly turns: number;
  readonly metrics: Record<string, unknown>;
}

describe("the client in a browser", () => {
  let browser: Browser;
  let folder: string;
  let pages: Server;
  let origin: string;
  let policy = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-page-"));
    const source = join(folder, "source");
    const out = join(folder, "out");
    mkdirSync(source);
    writeFileSync(
      join(source, "page.html"),
      '<!doctype html><meta charset="utf-8"><title>probe</title><script type="module" src="./page.ts"></script>',
    );
    writeFileSync(
      join(source, "page.ts"),
      `
      import { createClient } from ${JSON.stringify(client)};
      const url = new URL(location.href).searchParams.get("stream");
      const client = createClient({ url, paths: globalThis.paths });
      const view = client.live({ channel: "trades" });
      let commits = 0;
      let frames = 0;
      view.subscribe(() => commits++);
      const count = () => { frames++; requestAnimationFrame(count); };
      requestAnimationFrame(count);
      globalThis.probe = () => ({
        commits, frames, price: view.row("a")?.price, status: view.getSnapshot().status, usesWorker: client.usesWorker,
        turns: client.connection.getSnapshot().turns, metrics: client.metrics.getSnapshot(),
      });
      globalThis.row = (key) => client.row("trades", key);
    `,
    );
    await build({
      root: source,
      configFile: false,
      logLevel: "error",
      build: {
        outDir: out,
        emptyOutDir: true,
        target: "es2022",
        modulePreload: false,
        rollupOptions: { input: join(source, "page.html") },
      },
      worker: { format: "es" },
    });
    pages = createServer((request, response) => {
      const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
      try {
        const body = readFileSync(join(out, path));
        response
          .writeHead(200, {
            "content-type": TYPES[extname(path)] ?? "application/octet-stream",
            ...(policy !== "" && { "content-security-policy": policy }),
          })
          .end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    pages.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    policy = "";
    await stopAll();
  });

  const open = async ({ paths }: Pick<TidemarkOptions, "paths"> = {}) => {
    const server = await startTrades({ allowedOrigins: [origin], ...(paths && { paths }) });
    await server.tidemark.channel("trades").upsert(trade("a", "BTC", 1));
    const page = await browser.newPage();
    await page.addInitScript((given) => Object.assign(globalThis, { paths: given }), paths);
    const { base = "/v2", stream = "/stream" } = paths ?? {};
    const address = server.url + base + stream;
    await page.goto(`${origin}/page.html?stream=${encodeURIComponent(address)}`);
    const probe = (of: Page = page): Promise<Probe> =>
      of.evaluate(() => (globalThis as unknown as { probe(): Probe }).probe());
    await expect.poll(async () => (await probe()).status, { timeout: 10_000 }).toBe("live");
    return { ...server, trades: server.tidemark.channel("trades"), page, probe };
  };

  it("follows the stream in a worker, and opens details over HTTP", async () => {
    const { trades, page, probe } = await open();
    expect((await probe()).usesWorker).toBe(true);
    expect(page.workers()).toHaveLength(1);
    await trades.upsert(trade("a", "BTC", 2));
    await expect.poll(async () => (await probe()).price).toBe(2);
    const answer = await page.evaluate(() =>
      (globalThis as unknown as { row(key: string): Promise<{ row: { price: number } }> }).row("a"),
    );
    expect(answer.row.price).toBe(2);
    await expect
      .poll(async () => Object.keys((await probe()).metrics).sort())
      .toEqual([
        "deltaApplyMs",
        "deltaQueueDepth",
        "heapUsedMb",
        "renderCommitMs",
        "renderDropRatio",
        "requestsPending",
        "rowLatencyMs",
        "streamGaps",
      ]);
    await page.close();
  });

  it("finds renamed routes from the worker", async () => {
    const paths = { base: "/dashboard", stream: "/stream-v2", rows: "/row" };
    const { page, probe } = await open({ paths });
    expect((await probe()).usesWorker).toBe(true);
    const answer = await page.evaluate(() =>
      (globalThis as unknown as { row(key: string): Promise<{ row: { price: number } }> }).row("a"),
    );
    expect(answer.row.price).toBe(1);
    await page.close();
  });

  it("runs the same engine in the page when a policy forbids workers", async () => {
    policy = "worker-src 'none'";
    const { trades, page, probe } = await open();
    expect((await probe()).usesWorker).toBe(false);
    await trades.upsert(trade("a", "BTC", 3));
    await expect.poll(async () => (await probe()).price).toBe(3);
    await page.close();
  });

  it("commits at most once per animation frame", async () => {
    const { trades, page, probe } = await open();
    const before = await probe();
    const endMs = performance.now() + 1_500;
    for (let price = 10; performance.now() < endMs; price++) {
      await trades.upsert(trade("a", "BTC", price));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const after = await probe();
    expect(after.commits - before.commits).toBeGreaterThan(5);
    expect(after.commits - before.commits).toBeLessThanOrEqual(after.frames - before.frames + 1);
    await page.close();
  });

  it("keeps to its size budget", () => {
    const assets = join(folder, "out", "assets");
    const names = readdirSync(assets);
    const textOf = (name: string): string => readFileSync(join(assets, name), "utf8");
    const bytesOf = (start: string): number =>
      names
        .filter((name) => name.startsWith(start))
        .reduce((sum, name) => sum + gzipSync(textOf(name), { level: 9 }).length, 0);
    // The page's own script and what it imports at once; what it imports later is not part of it.
    const loaded = new Set(names.filter((name) => /^page-(?!writes)/.test(name)));
    for (const name of loaded)
      for (const [, imported] of textOf(name).matchAll(/(?:from|import)"\.\/([^"]+)"/g))
        loaded.add(imported as string);
    const page = [...loaded].reduce((sum, name) => sum + bytesOf(name), 0);
    expect(loaded.size).toBeGreaterThan(0);
    // Only pages that write load this part.
    expect(bytesOf("page-writes")).toBeLessThanOrEqual(WRITES_BYTES_MAX);
    expect(bytesOf("worker")).toBeLessThanOrEqual(WORKER_BYTES_MAX);
    expect(page).toBeLessThanOrEqual(PAGE_BYTES_MAX);
  });
});
