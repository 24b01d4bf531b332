/**
 * The heatmap in Chromium: its page, the page without a build step, and the script of the latter
 * through its whole ladder of attempts, on a clock that the test moves.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { amountText } from "../examples/heatmap/page/chart/ticks.ts";
import type { HeatmapData } from "../examples/heatmap/model/grid.ts";
import { createHeatmap, type HeatmapServer } from "../examples/heatmap/server.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist-examples/heatmap/page", import.meta.url));
/** Of the script for `<script src>`, gzipped. */
const SCRIPT_BYTES_MAX = 4_500;
const SYMBOL = "BTCUSDT";

let server: HeatmapServer;
let browser: Browser;
beforeAll(async () => {
  if (!existsSync(`${assets}/plain.html`)) throw new Error("The examples are not built.");
  server = await createHeatmap({ port: 0, assets, everyMs: 500 });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

const twin = async (symbol = SYMBOL): Promise<HeatmapData> => {
  const answer = await fetch(`${server.url}/api/heatmap?symbol=${symbol}`);
  return (await answer.json()) as HeatmapData;
};
const parameter = (page: Page, name: string): string | null =>
  new URL(page.url()).searchParams.get(name);

describe("the page of the heatmap", () => {
  it("shows each cell's price, time and value, zooms, changes the market, and is rewound", async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(server.url);
    const chart = page.locator(".chart");
    await expect.poll(() => chart.getAttribute("data-painted")).toMatch(/^[1-9]/);
    await page.locator('.title .badge[data-status="live"]').waitFor();

    // By keyboard: the crosshair appears beside the middle, and stands on a cell of the twin's.
    await chart.focus();
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => shownCell(page)).toEqual(await sameCell(page));

    await page.keyboard.press("+");
    await expect.poll(() => parameter(page, "view")).toMatch(/^\d+_\d+_[\d.]+_[\d.]+$/);
    await page.keyboard.press("0");
    await expect.poll(() => parameter(page, "view")).toBeNull();
    const middle = { x: 600, y: 400 };
    await page.mouse.move(middle.x, middle.y);
    await page.mouse.wheel(0, -240);
    await expect.poll(() => parameter(page, "view")).not.toBeNull();
    const zoomed = parameter(page, "view");
    await page.mouse.down();
    await page.mouse.move(middle.x + 80, middle.y + 40);
    await page.mouse.up();
    await expect.poll(() => parameter(page, "view")).not.toBe(zoomed);

    await page.getByLabel("Market").selectOption("ETHUSDT");
    await expect.poll(() => chart.getAttribute("aria-label")).toContain("ETHUSDT");
    await expect.poll(() => chart.getAttribute("data-painted")).toMatch(/^[1-9]/);
    await expect.poll(() => parameter(page, "symbol")).toBe("ETHUSDT");

    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Rewind" }).click();
    await page.locator('.title .badge[data-status="rewound"]').waitFor();
    await expect.poll(() => parameter(page, "at")).not.toBeNull();
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.locator('.title .badge[data-status="live"]').waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    // The strip is one line; the rest of it is scrolled to.
    await expect
      .poll(async () => (await page.locator(".strip").boundingBox())?.height)
      .toBeLessThan(40);
    // A link to a market that the server does not have.
    await page.goto(`${server.url}/?symbol=FOO`);
    await page.getByText("There is no market FOO").waitFor();
    await page.getByLabel("Market").selectOption("ETHUSDT");
    await expect.poll(() => chart.getAttribute("data-painted")).toMatch(/^[1-9]/);
    expect(errors).toEqual([]);
    await page.close();
  });

  it("polls where the server has its socket off, and says so", async () => {
    const page = await browser.newPage();
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    const row = { id: "heatmap", has_socket: false, every_ms: 500 };
    await page.route("**/v2/rows/settings/heatmap", (route) => route.fulfill({ json: { row } }));
    await page.goto(server.url);
    await expect.poll(() => page.locator(".chart").getAttribute("data-painted")).toMatch(/^[1-9]/);
    await page.getByText("Polls every 0.5 s: the server has no socket").waitFor();
    await expect.poll(() => page.locator(".strip .link").textContent()).toContain("poll");
    expect(sockets).toEqual([]);
    await page.close();
  });
});

/** What the readout says of the cell under the crosshair. */
const shownCell = (page: Page): Promise<string[]> =>
  page
    .locator("#readout dd")
    .evaluateAll((items) => items.map((item) => item.textContent.replaceAll(/[ ,]/g, "")));

/** The same from the twin's data. */
async function sameCell(page: Page): Promise<readonly string[]> {
  const [timeText = "", priceText = ""] = await shownCell(page);
  const { times, prices, values, price = 0 } = await twin();
  const column = times.findIndex((time) => clockText(time) === timeText);
  const level = prices.findIndex((each) => priceText.startsWith(String(each)));
  const share = ((prices[level] ?? 0) / price - 1) * 100;
  const sign = share < 0 ? "−" : "+";
  return [
    timeText,
    expect.stringMatching(`^${String(prices[level])}\\${sign}\\d+\\.\\d\\d%$`) as string,
    `${amountText(values[level]?.[column] ?? Number.NaN)}USD`,
  ];
}

const clockText = (ms: number): string =>
  new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

describe("the script for pages without a build step", () => {
  it("is small", () => {
    const text = readFileSync(`${assets}/heatmap.iife.js`);
    expect(gzipSync(text).length).toBeLessThan(SCRIPT_BYTES_MAX);
  });

  it("feeds Plotly on a plain page", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/plain.html`);
    await expect.poll(() => page.locator("#status").textContent()).toContain("connected");
    // The picture that Plotly draws the cells on.
    await page.locator("#chart .heatmaplayer image, #chart .hm image").first().waitFor();
    const shown = await page.evaluate(() => {
      const { data } = document.getElementById("chart") as unknown as {
        readonly data: readonly { readonly y: readonly number[] }[];
      };
      return data[0]?.y.length;
    });
    expect(shown).toBeGreaterThan(10);
    await page.close();
  });

  it("tries again after 2, 4, 8, 16 and 32 s, then polls, and comes back", async () => {
    const page = await browser.newPage();
    // Stands still until the test moves it. Until it is paused it goes, and it can't be set back.
    await page.clock.install({ time: 1_795_000_000_000 });
    await page.clock.pauseAt(1_795_000_600_000);
    let attempts = 0;
    let isAway = true;
    await page.routeWebSocket("**/ws/heatmap", (socket) => {
      attempts++;
      if (isAway) void socket.close({ code: 1001, reason: "away" });
      else socket.connectToServer();
    });
    // A document of the server's, so that the page may open sockets to it.
    await page.goto(`${server.url}/heatmap.iife.js`);
    await page.addScriptTag({ url: "/heatmap.iife.js" });
    await page.evaluate(LADDER);
    const words = (): Promise<string[]> =>
      page.evaluate(() => (globalThis as unknown as { words: string[] }).words);
    const losses = (): Promise<number> =>
      page.evaluate(() => (globalThis as unknown as { losses: number }).losses);
    await expect.poll(losses).toBe(1);
    for (const [index, seconds] of [2, 4, 8, 16, 32].entries()) {
      await page.clock.runFor(seconds * 1_000 - 1);
      expect(attempts).toBe(index + 1);
      await page.clock.runFor(1);
      await expect.poll(losses).toBe(index + 2);
      expect(attempts).toBe(index + 2);
    }
    await expect.poll(words).toEqual(["connecting", "reconnecting", "polling"]);
    const shown = (): Promise<number> =>
      page.evaluate(() => (globalThis as unknown as { shown: number }).shown);
    await expect.poll(shown).toBeGreaterThan(0);
    isAway = false;
    await page.clock.runFor(30_000);
    await expect.poll(words).toContain("connected");
    await page.evaluate("heatmap.disconnect()");
    expect((await words()).at(-1)).toBe("disconnected");
    await page.close();
  });
});

/** Notes the words, how many sockets have ended, and how often data was shown. */
const LADDER = `
var words = [], losses = 0, shown = 0;
var heatmap = new HeatmapWebSocket("/ws/heatmap", {
  onSnapshot: () => shown++,
  onStatusChange: (status) => words.push(status),
  createSocket: (url) => {
    const socket = new WebSocket(url);
    socket.addEventListener("close", () => losses++);
    return socket;
  },
});
heatmap.subscribe(["${SYMBOL}"]);
heatmap.connect();`;
