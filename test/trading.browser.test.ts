/**
 * The trading dashboard on its built-in feed in Chromium: arranged, scrolled back, rewound, and with
 * a server that is killed.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { freePort } from "./support/free-port.ts";
import { cells, scrollTape, tapeKeys } from "./support/trading-dashboard.ts";

let folder = "";
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tidemark-trading-test-"));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the trading dashboard on its built-in feed", () => {
  let port = 0;
  let child: ChildProcess | undefined;
  let page: Page;
  let data = "";

  beforeAll(async () => {
    port = await freePort();
    data = join(folder, "trading.duckdb");
    const started = await startDashboard("trading", port, "--data", data, "--rate", "400");
    child = started.child;
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.goto(`${started.url}/?w=tape+0.0.12.24+f.symbol%3D%253DBTCUSDT&w=quotes+12.0.12.12`);
    await page.locator('[data-kind="tape"] [data-key]').first().waitFor();
  });
  afterAll(() => killDashboard(child));

  const ids = (keys: readonly string[]): number[] =>
    [...new Set(keys.map((key) => Number((JSON.parse(key) as string[])[1])))].sort((a, b) => b - a);
  /** Ids rise by one, so what a list with a gap lacks is to be seen. */
  const expectNoGap = (list: readonly number[]): void => {
    const first = list[0] ?? 0;
    expect(list).toEqual(list.map((_, index) => first - index));
  };

  it("scrolls back without a seam while trades arrive", async () => {
    const rows = page.locator('[data-kind="tape"] .live-rows');
    const newest = Math.max(...ids(await tapeKeys(page)));
    // Until the third page of history.
    const seen = await scrollTape(page, 500);
    const below = ids(seen).filter((id) => id <= newest - 40);
    expect(below.length).toBeGreaterThan(300);
    expectNoGap(below.slice(0, -30));
    // Back at the top, it is live.
    await rows.evaluate((element) => element.scrollTo({ top: 0 }));
    await expect
      .poll(async () => Math.max(...ids(await tapeKeys(page))), { timeout: 30_000 })
      .toBeGreaterThan(newest);
  });

  it("shows the past as it was, for the whole page, and goes back to live", async () => {
    await page.getByRole("button", { name: "Rewind" }).click();
    await page.locator(".time-bar").waitFor();
    // Not farther back than there is history. Quotes begin later; this is a moment with some.
    const described = await fetch(`${new URL(page.url()).origin}/v2/channels/depth`);
    const { history } = (await described.json()) as { history: { from_unix_ms: number } };
    const atMs = (): number => Date.parse(new URL(page.url()).searchParams.get("at") ?? "");
    await expect.poll(atMs).toBeGreaterThanOrEqual(history.from_unix_ms);
    const at = new Date(Date.now() - 1_500).toISOString();
    await page.goto(
      `${new URL(page.url()).origin}/?w=tape+0.0.12.24&w=quotes+12.0.12.12&w=volume+12.12.12.12&at=${at}`,
    );
    await page.locator('[data-kind="quotes"] .badge[data-status="rewound"]').waitFor();
    const heads = page.locator('[data-kind="volume"] [role="columnheader"]');
    const tops = (all: readonly Element[]): readonly number[] =>
      all.map((head) => head.getBoundingClientRect().top);
    await expect.poll(async () => new Set(await heads.evaluateAll(tops)).size).toBe(1);
    const answer = await fetch(
      `${new URL(page.url()).origin}/v2/history?channel=quotes&limit=50&as_of=${at}`,
    );
    const then = (await answer.json()) as { rows: Record<string, string>[] };
    const expected = then.rows.map(({ symbol, bid, ask }) => `${symbol} ${bid} ${ask}`).sort();
    expect(expected.length).toBeGreaterThan(0);
    const quotes = async (): Promise<string[]> =>
      (await cells(page, "quotes")).map((row) => row.slice(0, 3).join(" ")).sort();
    await expect.poll(quotes).toEqual(expected);
    // It stands still, whatever happens meanwhile.
    const trades = await tapeKeys(page);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    expect(await tapeKeys(page)).toEqual(trades);
    expect(await quotes()).toEqual(expected);
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.locator('[data-kind="quotes"] .badge[data-status="live"]').waitFor();
    await expect.poll(quotes).not.toEqual(expected);
  });

  it("keeps the workspace in the address: moved, resized, removed and added by keyboard", async () => {
    const places = (): Promise<string[]> =>
      page.locator(".widget").evaluateAll((widgets) =>
        widgets.map((widget) => {
          const { gridColumn, gridRow } = (widget as HTMLElement).style;
          return `${(widget as HTMLElement).dataset["kind"]} ${gridColumn} ${gridRow}`;
        }),
      );
    await page.goto(new URL(page.url()).origin);
    await page.locator('[data-kind="alerts"]').waitFor();
    const before = await places();
    const grip = (kind: string) => page.locator(`[data-kind="${kind}"] .grip`);
    await grip("tape").focus();
    await page.keyboard.press("Shift+ArrowUp");
    await page.keyboard.press("Shift+ArrowUp");
    await grip("alerts").focus();
    await page.keyboard.press("Delete");
    await page.locator(".add-widget").selectOption("movers");
    const after = await places();
    expect(after).not.toEqual(before);
    expect(after.filter((text) => text.startsWith("alerts"))).toEqual([]);
    expect(after.filter((text) => text.startsWith("movers"))).toHaveLength(2);
    const inAddress = (kind: string): number =>
      new URL(page.url()).searchParams.getAll("w").filter((text) => text.startsWith(kind)).length;
    await expect.poll(() => [inAddress("movers"), inAddress("alerts")]).toEqual([2, 0]);
    await page.reload();
    await page.locator(".widget").first().waitFor();
    await expect.poll(places).toEqual(after);
  });
  it("shows history and charts as soon as their code can be loaded", async () => {
    const other = await page.context().newPage();
    let refused = 0;
    await other.route(/(history-view|chart)-[^/]*\.js/, (route) =>
      refused++ < 2 ? route.abort() : route.continue(),
    );
    await other.goto(`${new URL(page.url()).origin}/?w=candles+0.0.12.24&w=quotes+12.0.12.12`);
    await other.locator(".legend").waitFor();
    expect(refused).toBeGreaterThan(2);
    await other.close();
  });

  it("says that the server is gone, and goes on without a gap when it is back", async () => {
    await page.goto(
      `${new URL(page.url()).origin}/?w=tape+0.0.12.24+f.symbol%3D%253DBTCUSDT&w=quotes+12.0.12.12`,
    );
    await page.locator('[data-kind="tape"] [data-key]').first().waitFor();
    const before = Math.max(...ids(await tapeKeys(page)));
    await killDashboard(child);
    await page.locator('.strip .badge[data-status="disconnected"]').waitFor();
    await expect
      .poll(() => page.locator('[data-kind="tape"] .badge').getAttribute("data-status"))
      .not.toBe("live");
    ({ child } = await startDashboard("trading", port, "--data", data, "--rate", "400"));
    await page.locator('[data-kind="tape"] .badge[data-status="live"]').waitFor();
    // What was not stored when it was killed is written anew by the feed, under its ids.
    await expect
      .poll(async () => Math.max(...ids(await tapeKeys(page))), { timeout: 60_000 })
      .toBeGreaterThan(before + 20);
    expectNoGap(ids(await tapeKeys(page)).slice(0, -10));
  });
});
