/**
 * The trading dashboard in Chromium: on a recording, every widget against a recomputation from its
 * lines; on the built-in feed, scrolling back, rewinding, and a server that is killed.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { freePort } from "./support/free-port.ts";
import { recordingOf, type RecordedTrade } from "./support/market-recording.ts";

/** What the cells of a widget's rows say, in the order of the screen. */
const cells = (page: Page, kind: string): Promise<string[][]> =>
  page.locator(`[data-kind="${kind}"] [data-key]`).evaluateAll((rows) =>
    rows
      .map((row) => ({
        top: row.getBoundingClientRect().top,
        texts: Array.from(row.children, (cell) => cell.textContent.replaceAll(",", "")),
      }))
      .sort((left, right) => left.top - right.top)
      .map(({ texts }) => texts),
  );

const keysIn = (page: Page): Promise<string[]> =>
  page
    .locator('[data-kind="tape"] [data-key]')
    .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["key"] ?? ""));

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

describe("the trading dashboard on a recording that has ended", () => {
  const recording = recordingOf(11);
  let page: Page;
  let child: ChildProcess | undefined;

  beforeAll(async () => {
    const file = join(folder, "recording.txt");
    writeFileSync(file, recording.text);
    const started = await startDashboard(
      "trading",
      await freePort(),
      "--feed",
      "replay",
      file,
      "--speed",
      "10000",
    );
    child = started.child;
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.goto(started.url);
    await page.locator('[data-kind="tape"] .badge[data-status="stale"]').waitFor();
  });
  afterAll(() => killDashboard(child));

  const shown = ({ symbol, side, price, quantity }: RecordedTrade): string[] => [
    symbol,
    side === "buy" ? "▲ buy" : "▼ sell",
    price,
    quantity,
  ];

  it("says that it has ended, and shows rows in every widget", async () => {
    const badge = page.locator('[data-kind="tape"] .badge');
    expect(await badge.innerText()).toContain("the recording has ended");
    for (const kind of ["tape", "quotes", "movers", "volume"])
      await expect
        .poll(async () => (await cells(page, kind)).length, { message: kind })
        .toBeGreaterThan(0);
    await page.locator('[data-kind="ladder"] [data-price]').first().waitFor();
    await page.locator('[data-kind="candles"] canvas').first().waitFor();
  });

  it("filters the tape exactly, by every kind of operator", async () => {
    const tape = page.locator('[data-kind="tape"]');
    await tape.locator("[data-filter]").click();
    const type = (column: string, text: string): Promise<void> =>
      tape.getByRole("textbox", { name: column, exact: true }).fill(text);
    const filters: readonly (readonly [
      Readonly<Record<string, string>>,
      (trade: RecordedTrade) => boolean,
    ])[] = [
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
        { symbol: "!=BTCUSDT", quantity: "77" },
        ({ symbol, quantity }) => symbol !== "BTCUSDT" && Number(quantity) === 77,
      ],
      [
        { symbol: "%BU%", quantity: ">=1985" },
        ({ symbol, quantity }) => symbol.includes("BU") && Number(quantity) >= 1985,
      ],
    ];
    for (const [texts, isMatch] of filters) {
      for (const column of ["symbol", "id", "price", "quantity", "side"])
        await type(column, texts[column] ?? "");
      const expected = recording.trades.filter(isMatch).reverse();
      expect(expected.length).toBeLessThan(26);
      await expect
        .poll(async () => (await cells(page, "tape")).map(([, ...rest]) => rest.join(" ")).sort(), {
          message: JSON.stringify(texts),
        })
        .toEqual(expected.map((trade) => shown(trade).join(" ")).sort());
    }
    await type("quantity", "many");
    expect(await tape.locator('[role="alert"]').innerText()).toContain("Type a value like");
    for (const column of ["symbol", "quantity"]) await type(column, "");
    await tape.locator("[data-filter]").click();
  });

  it("has the candles, volumes and movers that DuckDB computes from the recording", async () => {
    const instance = await DuckDBInstance.create(":memory:");
    const database = await instance.connect();
    const lines = recording.trades.map(
      ({ symbol, side, price, quantity, timeMs, id }) =>
        `('${symbol}', '${side}', ${price}::DECIMAL(38,2), ${quantity}::DECIMAL(38,3), ${timeMs}, ${id})`,
    );
    await database.run(
      `CREATE TABLE trades AS SELECT * FROM (VALUES ${lines.join()}) AS rows (symbol, side, price, quantity, ms, id)`,
    );
    const rows = async (sql: string): Promise<unknown[]> =>
      (await database.runAndReadAll(sql)).getRowsJson();
    const base = new URL(page.url()).origin;
    const served = async (channel: string, columns: readonly string[]): Promise<unknown[]> => {
      const answer = await fetch(`${base}/v2/snapshot?channels=${channel}`);
      const { channels } = (await answer.json()) as {
        channels: Record<string, { rows: Record<string, unknown>[] }>;
      };
      return (channels[channel]?.rows ?? [])
        .map((row) => columns.map((column) => String(row[column])))
        .sort();
    };
    for (const [channel, seconds] of [
      ["candles_1s", 1],
      ["candles_1m", 60],
      ["candles_1h", 3_600],
    ] as const) {
      const expected = await rows(`
        SELECT symbol, strftime(make_timestamp((ms // 1000 // ${seconds}) * ${seconds} * 1000000), '%Y-%m-%dT%H:%M:%S') AS bucket,
          arg_min(price, (ms, id)), max(price), min(price), arg_max(price, (ms, id)), sum(quantity), count(*)
        FROM trades GROUP BY 1, 2`);
      const columns = ["symbol", "bucket", "open", "high", "low", "close", "volume", "trades"];
      const found = (await served(channel, columns)) as string[][];
      const plain = (value: string, at: number): string =>
        at < 1 ? value : at === 1 ? value.slice(0, 19) : String(Number(value));
      expect(found.map((row) => row.map(plain)).sort(), channel).toEqual(
        (expected as unknown[][])
          .map((row) => row.map((value, at) => plain(String(value), at)))
          .sort(),
      );
    }
    const volumes = await rows(
      "SELECT symbol, side, sum(quantity), count(*) FROM trades GROUP BY 1, 2",
    );
    const numbers = (list: unknown[]): string[] =>
      (list as unknown[][])
        .map((row) =>
          row.map((value) => (Number.isNaN(Number(value)) ? value : Number(value))).join(" "),
        )
        .sort();
    expect(numbers(await served("volumes", ["symbol", "side", "volume", "trades"]))).toEqual(
      numbers(volumes),
    );
    // The page shows them.
    const [last] = (await rows(`
      SELECT arg_min(price, (ms, id)), max(price), min(price), arg_max(price, (ms, id)), sum(quantity)
      FROM trades WHERE symbol = 'BTCUSDT' GROUP BY ms // 5000 ORDER BY ms // 5000 DESC LIMIT 1`)) as [
      unknown[],
    ];
    const legend = (await page.locator(".legend").innerText()).replace(/,/g, "");
    for (const [at, name] of ["open", "high", "low", "close", "volume"].entries())
      expect(Number(new RegExp(`${name}\\s+(\\S+)`).exec(legend)?.[1]), name).toBe(
        Number(last[at]),
      );
    database.closeSync();
  });

  it("shows the best levels of the book that the recording ends with", async () => {
    const expected = (side: "bid" | "ask"): string[] =>
      recording.levels("BTCUSDT", side).map(([price, quantity]) => `${price} ${quantity}`);
    const found = await page.locator('[data-kind="ladder"] [data-price]').evaluateAll((rows) =>
      rows.map((row) => ({
        side: (row as HTMLElement).dataset["side"],
        text: `${row.children[1]?.textContent} ${row.children[2]?.textContent}`,
      })),
    );
    for (const side of ["bid", "ask"] as const) {
      const texts = found
        .filter((row) => row.side === side)
        .map((row) => row.text.replace(/,/g, ""));
      // Asks stand above each other, the best one lowest.
      const best = side === "ask" ? texts.toReversed() : texts;
      expect(best.length).toBeGreaterThan(3);
      expect(best).toEqual(expected(side).slice(0, best.length));
    }
  });

  it("shows the same trades in both tapes on TanStack Query", async () => {
    const expected = recording.trades
      .filter(({ symbol }) => symbol === "BTCUSDT")
      .slice(-20)
      .map(({ id }) => String(id))
      .reverse();
    expect(expected).toHaveLength(20);
    const other = await page.context().newPage();
    await other.goto(`${new URL(page.url()).origin}/tanstack.html`);
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
  });

  it("keeps the workspace in the address: moved, resized, removed and added by keyboard", async () => {
    const places = (): Promise<string[]> =>
      page.locator(".widget").evaluateAll((widgets) =>
        widgets.map((widget) => {
          const { gridColumn, gridRow } = (widget as HTMLElement).style;
          return `${(widget as HTMLElement).dataset["kind"]} ${gridColumn} ${gridRow}`;
        }),
      );
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
    expect(await places()).toEqual(after);
  });
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
    const seen = new Set<string>(await keysIn(page));
    const newest = Math.max(...ids([...seen]));
    // By less than what is in sight, until the third page of history.
    await expect
      .poll(
        async () => {
          await rows.evaluate((element) => element.scrollBy({ top: 400 }));
          for (const key of await keysIn(page)) seen.add(key);
          return seen.size;
        },
        { timeout: 30_000, interval: 20 },
      )
      .toBeGreaterThan(500);
    const below = ids([...seen]).filter((id) => id <= newest - 40);
    expect(below.length).toBeGreaterThan(300);
    expectNoGap(below.slice(0, -30));
    // Back at the top, it is live.
    await rows.evaluate((element) => element.scrollTo({ top: 0 }));
    await expect.poll(async () => Math.max(...ids(await keysIn(page)))).toBeGreaterThan(newest);
  });

  it("shows the past as it was, for the whole page, and goes back to live", async () => {
    await page.getByRole("button", { name: "Rewind" }).click();
    await page.locator(".time-bar").waitFor();
    // The page begins a minute ago, before there were quotes; this is a moment with some.
    const at = new Date(Date.now() - 1_500).toISOString();
    await page.goto(`${new URL(page.url()).origin}/?w=tape+0.0.12.24&w=quotes+12.0.12.12&at=${at}`);
    await page.locator('[data-kind="quotes"] .badge[data-status="rewound"]').waitFor();
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
    const trades = await keysIn(page);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    expect(await keysIn(page)).toEqual(trades);
    expect(await quotes()).toEqual(expected);
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.locator('[data-kind="quotes"] .badge[data-status="live"]').waitFor();
    await expect.poll(quotes).not.toEqual(expected);
  });

  it("says that the server is gone, and goes on without a gap when it is back", async () => {
    await page.goto(
      `${new URL(page.url()).origin}/?w=tape+0.0.12.24+f.symbol%3D%253DBTCUSDT&w=quotes+12.0.12.12`,
    );
    await page.locator('[data-kind="tape"] [data-key]').first().waitFor();
    const before = Math.max(...ids(await keysIn(page)));
    await killDashboard(child);
    await page.locator('.strip .badge[data-status="disconnected"]').waitFor();
    await expect
      .poll(() => page.locator('[data-kind="tape"] .badge').getAttribute("data-status"))
      .not.toBe("live");
    ({ child } = await startDashboard("trading", port, "--data", data, "--rate", "400"));
    await page.locator('[data-kind="tape"] .badge[data-status="live"]').waitFor();
    // What was not stored when it was killed is written anew by the feed, under its ids.
    await expect
      .poll(async () => Math.max(...ids(await keysIn(page))))
      .toBeGreaterThan(before + 20);
    expectNoGap(ids(await keysIn(page)).slice(0, -10));
  });
});
