/**
 * The trading dashboard on recordings in Chromium: killed half-way and back, every widget against a
 * recomputation from the recording's lines, scrolled back, and rewound. The recorded minute is
 * skipped where it is absent.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CandleQueries } from "./support/candle-queries.ts";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import {
  recordedMinute,
  recordingOf,
  type MarketRecording,
  type RecordedTrade,
} from "./support/market-recording.ts";
import { cells, ladderLevels, legend, scrollTape } from "./support/trading-dashboard.ts";

/** A recording that is killed while it plays has a trade in so many milliseconds. */
const SLOW_TRADE_MS = 400;
const FAST_MS = 5;

const playing = (file: string, recording: MarketRecording, playMs: number): readonly string[] => [
  "--feed",
  "replay",
  file,
  "--speed",
  String(recording.lengthMs / playMs),
];

type Filter = readonly [
  texts: Readonly<Record<string, string>>,
  isMatch: (trade: RecordedTrade) => boolean,
];

interface Case {
  readonly title: string;
  readonly recording: MarketRecording | undefined;
  /** The market that the page shows at first. */
  readonly market: string;
  readonly filters: readonly Filter[];
}

const cases: readonly Case[] = [
  {
    title: "a generated recording",
    recording: recordingOf(11),
    market: "BTCUSDT",
    filters: [
      [
        { price: "100.5..100.52", side: "=buy" },
        ({ price, side }) => side === "buy" && Number(price) >= 100.5 && Number(price) <= 100.52,
      ],
      [{ quantity: ">1990" }, ({ quantity }) => Number(quantity) > 1990],
      [
        { quantity: "<=20", symbol: "/^BT/" },
        ({ quantity, symbol }) => Number(quantity) <= 20 && symbol.startsWith("BT"),
      ],
      [{ id: "3,5,8" }, ({ id }) => [3, 5, 8].includes(id)],
      [
        { symbol: "!=BTCUSDT", quantity: "100..120" },
        ({ symbol, quantity }) =>
          symbol !== "BTCUSDT" && Number(quantity) >= 100 && Number(quantity) <= 120,
      ],
      [
        { symbol: "%BU%", quantity: ">=1985" },
        ({ symbol, quantity }) => symbol.includes("BU") && Number(quantity) >= 1985,
      ],
    ],
  },
  {
    title: "a recorded minute of Binance",
    recording: recordedMinute(),
    market: "AKROUSDT",
    filters: [
      [
        { price: "7.612..7.6130", side: "=sell" },
        ({ price, side }) => side === "sell" && Number(price) >= 7.612 && Number(price) <= 7.613,
      ],
      [{ quantity: ">999" }, ({ quantity }) => Number(quantity) > 999],
      [
        { quantity: "<=5", symbol: "/^(CTK|SU)/" },
        ({ quantity, symbol }) => Number(quantity) <= 5 && /^(CTK|SU)/.test(symbol),
      ],
      [{ id: "87353232,14888305,1" }, ({ id }) => id === 87_353_232 || id === 14_888_305],
      [
        { symbol: "!=CTKUSDT", quantity: "54" },
        ({ symbol, quantity }) => symbol !== "CTKUSDT" && Number(quantity) === 54,
      ],
      [{ price: "<0.018" }, ({ price }) => Number(price) < 0.018],
    ],
  },
];

let folder = "";
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tidemark-recordings-test-"));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(cases)("the trading dashboard on $title", ({ title, recording, market, filters }) => {
  const test = it.skipIf(recording === undefined);
  const { text, messageCount, state } = recording ?? recordingOf(1);
  const { trades } = state();
  let page: Page;
  let url = "";
  let child: ChildProcess | undefined;
  /** A moment while the recording played. */
  let middleMs = 0;
  const end = (): Promise<void> =>
    page
      .locator('[data-kind="tape"] .badge', { hasText: "the recording has ended" })
      .waitFor({ timeout: 60_000 });

  beforeAll(async () => {
    if (recording === undefined) return;
    const name = title.replaceAll(" ", "-");
    const file = join(folder, `${name}.txt`);
    writeFileSync(file, text);
    const data = join(folder, `${name}.duckdb`);
    const start = (port: number, playMs: number): ReturnType<typeof startDashboard> =>
      startDashboard("trading", port, ...playing(file, recording, playMs), "--data", data);
    ({ url, child } = await start(0, trades.length * SLOW_TRADE_MS));
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.goto(url);
    // It is killed while rows arrive, and goes on where it was.
    await page.locator('[data-kind="tape"] [data-key]').nth(3).waitFor();
    await page.locator('[data-kind="quotes"] [data-key]').first().waitFor();
    await page.locator('[data-kind="ladder"] [data-price]').first().waitFor();
    middleMs = Date.now();
    // A page that was late shows many rows at once, and says nothing of what is stored.
    const { seq } = await stored();
    await vi.waitUntil(async () => (await stored()).durableSeq >= seq, { timeout: 20_000 });
    await killDashboard(child);
    await page.locator('.strip .badge[data-status="disconnected"]').waitFor();
    ({ child } = await start(Number(new URL(url).port), FAST_MS));
    await end();
  });
  afterAll(() => killDashboard(child));

  /** The newest commit, and the newest that history has. */
  const stored = async (): Promise<{ readonly seq: number; readonly durableSeq: number }> => {
    const answer = await fetch(`${url}/stats`);
    const { seq, history } = (await answer.json()) as {
      readonly seq: number;
      readonly history: { readonly durable_seq: number };
    };
    return { seq, durableSeq: history.durable_seq };
  };
  const shown = ({ symbol, side, price, quantity }: RecordedTrade): string =>
    [symbol, side === "buy" ? "▲ buy" : "▼ sell", price, quantity].join(" ");
  const shownTape = async (): Promise<string[]> =>
    (await cells(page, "tape")).map(([, ...rest]) => rest.join(" "));

  test("says that it has ended, and shows rows in every widget", async () => {
    const badge = page.locator('[data-kind="tape"] .badge');
    expect(await badge.innerText()).toContain("the recording has ended");
    for (const kind of ["tape", "quotes", "movers", "volume"])
      await expect
        .poll(async () => (await cells(page, kind)).length, { message: kind })
        .toBeGreaterThan(0);
    await page.locator('[data-kind="ladder"] [data-price]').first().waitFor();
    await expect
      .poll(() => page.locator('[data-kind="candles"] .widget-body').innerText())
      .toContain("open");
  });

  test("has each trade once, down to the first, also of the time before it was killed", async () => {
    const rows = page.locator('[data-kind="tape"] .live-rows');
    const seen = await scrollTape(page);
    const expected = trades.map(({ symbol, id }) => JSON.stringify([symbol, String(id)]));
    expect(seen.sort()).toEqual(expected.sort());
    expect(await rows.getAttribute("aria-rowcount")).toBe(String(trades.length));
    await rows.evaluate((element) => element.scrollTo({ top: 0 }));
  });

  test("filters the tape exactly, by every kind of operator", async () => {
    const tape = page.locator('[data-kind="tape"]');
    await tape.locator("[data-filter]").click();
    const type = (column: string, entered: string): Promise<void> =>
      tape.getByRole("textbox", { name: column, exact: true }).fill(entered);
    for (const [texts, isMatch] of filters) {
      for (const column of ["symbol", "id", "price", "quantity", "side"])
        await type(column, texts[column] ?? "");
      const expected = trades.filter(isMatch);
      expect(expected.length, JSON.stringify(texts)).toBeGreaterThan(0);
      expect(expected.length).toBeLessThan(26);
      await expect
        .poll(async () => (await shownTape()).sort(), { message: JSON.stringify(texts) })
        .toEqual(expected.map(shown).sort());
    }
    await type("quantity", "many");
    expect(await tape.locator('[role="alert"]').innerText()).toContain("Type a value like");
    for (const column of ["symbol", "quantity", "price"]) await type(column, "");
    await tape.locator("[data-filter]").click();
  });

  test("has the candles, volumes and movers that DuckDB computes from the recording", async () => {
    const queries = await CandleQueries.of(trades);
    for (const [channel, seconds] of [
      ["candles_1s", 1],
      ["candles_1m", 60],
      ["candles_1h", 3_600],
    ] as const)
      expect(await queries.served(url, channel), channel).toEqual(await queries.candles(seconds));
    expect(await queries.served(url, "volumes")).toEqual(await queries.volumes());
    expect(await queries.served(url, "movers")).toEqual(await queries.movers());
    // The page shows them.
    const last = (await queries.candles(5, market)).at(-1);
    await expect.poll(() => legend(page)).toEqual(last?.slice(2));
    queries.close();
  });

  test("shows the best levels of the book that the recording ends with", async () => {
    for (const side of ["bid", "ask"] as const) {
      const found = await ladderLevels(page, side);
      expect(found.length).toBeGreaterThan(3);
      expect(found).toEqual(state().levels(market, side).slice(0, found.length));
    }
  });

  it.skipIf(market !== "BTCUSDT")(
    "shows the same trades in both tapes on TanStack Query",
    async () => {
      const expected = trades
        .filter(({ symbol }) => symbol === "BTCUSDT")
        .slice(-20)
        .map(({ id }) => String(id))
        .reverse();
      expect(expected).toHaveLength(20);
      const other = await page.context().newPage();
      await other.goto(`${url}/tanstack.html`);
      for (const tape of ["row-push", "tidemark"])
        await expect
          .poll(
            () =>
              other
                .locator(`[data-tape="${tape}"] [data-id]`)
                .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["id"])),
            { message: tape },
          )
          .toEqual(expected);
      await other.close();
    },
  );

  test("is rewound to a moment that it had: one prefix of the recording in all widgets", async () => {
    const at = new Date(middleMs).toISOString();
    const widgets = ["tape 0.0.8.24", "quotes 8.0.8.24", `ladder 16.0.8.24 symbol=${market}`];
    const asked = new URLSearchParams([...widgets.map((text) => ["w", text]), ["at", at]]);
    await page.goto(`${url}/?${asked.toString()}`);
    for (const kind of ["tape", "quotes", "ladder"])
      await page.locator(`[data-kind="${kind}"] .badge[data-status="rewound"]`).waitFor();
    await page.locator('[data-kind="quotes"] [data-key]').first().waitFor();
    await page.locator('[data-kind="tape"] [data-key]').first().waitFor();
    /** The lengths of the recording's prefixes that all widgets could show. */
    const prefixes = async (): Promise<readonly number[]> => {
      const quotes = (await cells(page, "quotes")).map((row) => row.slice(0, 3).join(" "));
      const tape = await shownTape();
      const [bids, asks] = [await ladderLevels(page, "bid"), await ladderLevels(page, "ask")];
      const isShown = (count: number): boolean => {
        const then = state(count);
        const newest = then.trades.toSorted((left, right) => right.timeMs - left.timeMs);
        const oldestMs = newest[tape.length - 1]?.timeMs ?? 0;
        // Of trades at one time, some may be below what is in sight.
        const inSight = newest.filter(({ timeMs }) => timeMs > oldestMs).map(shown);
        return (
          then.quotes.join() === quotes.join() &&
          then.levels(market, "bid").slice(0, bids.length).join() === bids.join() &&
          then.levels(market, "ask").slice(0, asks.length).join() === asks.join() &&
          inSight.sort().join() === tape.slice(0, inSight.length).sort().join()
        );
      };
      if (tape.length === 0 || bids.length === 0) return [];
      return Array.from({ length: messageCount }, (_, index) => index + 1).filter(isShown);
    };
    // Each widget is painted at a time of its own.
    let found: readonly number[] = [];
    await expect
      .poll(async () => (found = await prefixes()).length, { timeout: 20_000 })
      .toBeGreaterThan(0);
    expect(found[0]).toBeLessThan(messageCount);
    await page.getByRole("button", { name: "Back to live" }).click();
    await end();
    await expect
      .poll(async () => (await shownTape())[0])
      .toBe(shown(trades.at(-1) as RecordedTrade));
  });
});
