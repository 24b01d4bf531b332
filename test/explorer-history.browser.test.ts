/** The explorer's grid scrolls on into history, in Chromium: one server, one browser, one table. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { channel, createTidemark, type Tidemark } from "../src/index.ts";
import { silent } from "./support/silent.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const TRADES = 700;

const trade = (id: number) => ({ id, side: id % 7 === 0 ? "sell" : "buy", price: id * 10 });

describe("the explorer's grid on a channel with history", () => {
  const store = new ScriptedStore();
  let browser: Browser;
  let tidemark: Tidemark;
  let address = "";
  let page: Page;
  let newest = TRADES;

  const text = (selector: string): Promise<string> =>
    page
      .locator(selector)
      .innerText()
      .then((found) => found.replace(/\s+/g, " ").trim());
  const count = () => text(".title .count");
  const foot = () => text(".history-foot");
  const scrollTo = (top: number): Promise<void> =>
    page.locator(".grid").evaluate((grid, to) => grid.scrollTo({ top: to }), top);
  /** The keys of the rows in sight and where each one is. */
  const places = (): Promise<string[]> =>
    page.evaluate(() => {
      const grid = document.querySelector(".grid")?.getBoundingClientRect();
      return [...document.querySelectorAll<HTMLElement>(".grid-row[data-key]")]
        .map((row) => ({ key: row.dataset["key"], top: row.getBoundingClientRect().top }))
        .filter(({ top }) => top >= (grid?.top ?? 0) && top < (grid?.bottom ?? 0))
        .map(({ key, top }) => `${key} ${top}`);
    });
  const toEnd = async (): Promise<void> => {
    await expect
      .poll(async () => {
        await scrollTo(1e9);
        return foot();
      })
      .toBe("All rows are loaded.");
    // The last page may have come after the last look at the place. The grid renders the rows there
    // when the browser tells it that it has scrolled.
    await scrollTo(1e9);
    await page.locator('.grid-row[data-key="1"]').waitFor();
  };

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    tidemark = createTidemark({
      catalog: true,
      assets,
      logger: silent,
      history: store,
      channels: {
        trades: channel({
          key: "id",
          columns: { id: "integer", side: "text", price: "integer" },
          bounds: { rowsMax: 50 },
          history: { maxDelayMs: 1, appendOnly: true },
        }),
      },
    });
    const { url } = await tidemark.listen({ port: 0 });
    address = url;
    const trades = tidemark.channel("trades");
    const rows = Array.from({ length: TRADES }, (_, index) => trade(index + 1));
    await tidemark.durable(await trades.upsert(rows));
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await tidemark.stop();
  });
  beforeEach(async () => {
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.goto(`${address}/#/trades`);
    await page.locator(".grid-row[data-key]").first().waitFor();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await page.context().close();
  });

  it("loads older rows ahead of who scrolls, to the first row, and shifts nothing", async () => {
    await expect.poll(count).toBe(`newest 200 of ${newest}`);
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { page: read } = store;
    const asked = vi.spyOn(store, "page").mockImplementation(async (query) => {
      await gate;
      return read.call(store, query);
    });
    await scrollTo(1e9);
    await expect.poll(foot).toBe("Loading older rows…");
    // The last row in sight is the last one of the first page.
    await page.locator(`.grid-row[data-key="${newest - 199}"]`).waitFor();
    const before = await places();
    asked.mockRestore();
    release();
    await expect.poll(count).toBe(`newest 400 of ${newest}`);
    expect(await places()).toEqual(expect.arrayContaining(before));
    await toEnd();
    await expect.poll(count).toBe(`${newest} rows`);
    // Keyboard, copy and details work on rows that the live table no longer has.
    await page.locator('.grid-row[data-key="2"] .cell').first().click();
    await page.locator(".detail dl").waitFor();
    await expect.poll(() => text(".detail dl")).toContain("price integer 20");
    await page.locator(".grid").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowUp");
    expect(await page.locator(".grid-row:has(.active)").getAttribute("data-key")).toBe("2");
  });

  it("holds new rows back while someone reads old ones, and counts them", async () => {
    await page.evaluate(() => location.assign("#/trades?columns=id,price"));
    await page.locator('.cell[data-column="side"]').first().waitFor({ state: "detached" });
    await toEnd();
    const before = await places();
    await tidemark.channel("trades").upsert(trade(++newest));
    await expect.poll(() => text(".follow")).toBe("Follow newest 1 new");
    expect(await places()).toEqual(expect.arrayContaining(before));
    // P pauses where the reader is, and a paused row is shown with all its columns.
    await page.keyboard.press("p");
    await expect.poll(() => text(".follow")).toMatch(/^Resume as of /);
    expect(await places()).toEqual(expect.arrayContaining(before));
    const [key = ""] = before[0]?.split(" ") ?? [];
    await page.locator(`.grid-row[data-key="${key}"] .cell`).first().click();
    await expect.poll(() => text(".detail dl")).toContain(`side text ${trade(Number(key)).side}`);
    await page.keyboard.press("p");
    await page.locator(`.grid-row[data-key="${newest}"]`).waitFor();
  });

  it("stands still as of a moment, pages back as of it, and goes on with the newest rows", async () => {
    // Before that, a page does not know of when its rows are.
    await expect.poll(() => text(".title .badge")).toBe("live");
    await page.keyboard.press("p");
    await expect.poll(() => text(".follow")).toMatch(/^Resume as of \d\d:\d\d:\d\d$/);
    expect(await text(".title .badge")).toBe("paused");
    const shown = newest;
    await tidemark.durable(await tidemark.channel("trades").upsert(trade(++newest)));
    await toEnd();
    await expect.poll(count).toBe(`${shown} rows`);
    await scrollTo(0);
    await page.locator(`.grid-row[data-key="${shown}"]`).waitFor();
    expect(await page.locator(`.grid-row[data-key="${newest}"]`).count()).toBe(0);
    await page.locator(".follow").click();
    await page.locator(`.grid-row[data-key="${newest}"]`).waitFor();
    expect(await text(".follow")).toBe("Pause following");
  });

  it("tells why a page did not come, and tries again; filters reach into history", async () => {
    vi.spyOn(store, "page").mockRejectedValue(new Error("away"));
    await scrollTo(1e9);
    await expect.poll(foot).toMatch(/ Try again$/);
    vi.restoreAllMocks();
    await page.locator(".history-foot button").click();
    await toEnd();
    await page.locator('[data-filter="side"]').fill("sell");
    const sells = Math.floor(newest / 7);
    await expect.poll(count).toBe(`${sells} matching rows`);
    expect(await foot()).toBe("All rows are loaded.");
  });
});
