/**
 * The trading dashboard's chart in Chromium: back from the live candles to the first one of a
 * recording of two hours, which has left the live table long ago.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CandleQueries } from "./support/candle-queries.ts";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { longRecording } from "./support/market-recording.ts";
import { legend } from "./support/trading-dashboard.ts";

const PLAY_MS = 4_000;

describe("the chart on a recording of two hours", () => {
  let folder = "";
  let browser: Browser;
  let page: Page;
  let child: ChildProcess | undefined;
  let url = "";
  let queries: CandleQueries;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-chart-test-"));
    const recording = longRecording(5_000);
    const file = join(folder, "long.txt");
    writeFileSync(file, recording.text);
    queries = await CandleQueries.of(recording.state().trades);
    browser = await launchChromium();
    const speed = String(recording.lengthMs / PLAY_MS);
    const options = ["--feed", "replay", file, "--speed", speed];
    ({ url, child } = await startDashboard("trading", 0, ...options));
    page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  });
  afterAll(async () => {
    queries.close();
    await killDashboard(child);
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("scrolls back to the first candle without a seam, while new ones arrive", async () => {
    await page.goto(`${url}/?w=candles+0.0.24.24+width%3D1s`);
    const chart = page.locator(".chart");
    const expected = await queries.candles(1, "BTCUSDT");
    await chart.hover();
    await expect
      .poll(
        async () => {
          await page.mouse.wheel(-4_000, 0);
          const foot = await page.locator(".chart + .history-foot").allInnerTexts();
          return [await chart.getAttribute("data-candles"), ...foot];
        },
        { timeout: 60_000, interval: 50 },
      )
      .toEqual([String(expected.length)]);
    // Each candle under the pointer is as DuckDB has it.
    const box = await chart.boundingBox();
    if (box === null) throw new Error("The chart has no place.");
    const seen = new Set<string>();
    const look = async (): Promise<number> => {
      for (let x = 1; x < box.width - 80; x += 40) {
        await page.mouse.move(box.x + x, box.y + 60);
        const bucket = await page.locator(".legend").getAttribute("data-bucket");
        const candle = expected.find(([, start]) => start === bucket?.slice(0, 19));
        expect(await legend(page), bucket ?? "").toEqual(candle?.slice(2));
        seen.add(candle?.[1] ?? "");
      }
      // The first candles may stand at the right edge.
      await page.mouse.wheel(200, 0);
      return seen.size;
    };
    await expect.poll(look, { timeout: 30_000 }).toBeGreaterThan(20);
    // They left the live table long ago.
    const oldest = [...seen].sort()[0];
    expect(expected.findIndex(([, start]) => start === oldest)).toBeLessThan(2_000);
  });

  it("has the candles of an hour from the same trades", async () => {
    await page.getByRole("button", { name: "1 h" }).click();
    const hours = await queries.candles(3_600, "BTCUSDT");
    await expect
      .poll(() => page.locator(".chart").getAttribute("data-candles"))
      .toBe(String(hours.length));
    await page.mouse.move(0, 0);
    await expect.poll(() => legend(page)).toEqual(hours.at(-1)?.slice(2));
  });
});
