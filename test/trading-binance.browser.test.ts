/** The trading dashboard in Chromium with `--feed binance`, on a local exchange over real sockets. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BinanceExchange } from "./support/binance-exchange.ts";
import { generatedFeed, recordedFeed, type BinanceFeed } from "./support/binance-feed.ts";
import { bookTexts } from "./support/binance-run.ts";
import { serveBinance } from "./support/binance-server.ts";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { cells, ladderLevels, scrollTape } from "./support/trading-dashboard.ts";

type Side = readonly (readonly [price: string, quantity: string])[];

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

describe.each([
  { title: "a generated minute", feed: generatedFeed(4) },
  { title: "a recorded minute", feed: recordedFeed() },
])("the dashboard on $title of an exchange like Binance", ({ feed }) => {
  it.skipIf(feed === undefined)("fills all widgets, exactly", async () => {
    const { messages, books } = feed as BinanceFeed;
    const symbols = [...new Set(messages.map(({ data }) => data.s))].sort();
    const [market = ""] = symbols;
    const exchange = new BinanceExchange(() => Date.now(), books);
    const server = await serveBinance(exchange);
    const { url, child } = await startDashboard(
      "trading",
      0,
      "--feed",
      "binance",
      "--symbols",
      symbols.join(),
      "--url",
      server.url,
      "--rest-url",
      server.restUrl,
    );
    try {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
      await page.goto(url);
      const followed = async (): Promise<number> => {
        const answer = await fetch(`${url}/v2/snapshot?channels=markets`);
        const { channels } = (await answer.json()) as {
          channels: { markets?: { rows: unknown[] } };
        };
        return channels.markets?.rows.length ?? 0;
      };
      await expect.poll(followed, { timeout: 30_000 }).toBe(symbols.length);
      for (const { stream, data } of messages) exchange.emit(stream, data);
      const sent = Array.from(exchange.trades.values()).flat();
      const expected = sent.map(({ s, a }) => JSON.stringify([s, String(a)])).sort();
      await expect
        .poll(async () => (await scrollTape(page)).sort(), { timeout: 60_000 })
        .toEqual(expected);
      const levels = JSON.parse(
        bookTexts(feed as BinanceFeed, market, 25).at(-1) ?? "[]",
      ) as Side[];
      for (const [at, side] of (["bid", "ask"] as const).entries()) {
        const texts = (levels[at] ?? []).map((level) => level.join(" "));
        await expect
          .poll(
            async () => {
              const found = await ladderLevels(page, side);
              return found.length > 3 && found.join() === texts.slice(0, found.length).join();
            },
            { message: side, timeout: 30_000 },
          )
          .toBe(true);
      }
      await expect.poll(async () => (await cells(page, "quotes")).length).toBe(symbols.length);
      await page.close();
    } finally {
      await killDashboard(child);
      await server.close();
    }
  });
});
