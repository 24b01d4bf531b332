/** The explorer's grid by keyboard and by eye, in Chromium: one server and one browser for all. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { channel, createTidemark, type JsonValue, type Tidemark } from "../src/index.ts";
import { silent } from "./support/silent.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const ORDERS = 300;
/** What the first view may load, with texts compressed by gzip. */
const FIRST_VIEW_BYTES = 150_000;
const WIDE_COLUMNS = 80;
/** Not whole numbers: their fractions have zero to three digits. */
const AMOUNTS = [1_234.5, 12, 0.125, 99.99];

const order = (id: number): Record<string, JsonValue> & { readonly id: number } => ({
  id,
  customer: `customer ${id}`,
  amount: AMOUNTS[id % AMOUNTS.length] ?? 0,
  created_at: "2026-01-31T12:00:00Z",
});
const wideColumns = Array.from({ length: WIDE_COLUMNS }, (_, index) => `column_${index}`);

describe("the explorer's grid", () => {
  let browser: Browser;
  let tidemark: Tidemark;
  let address = "";
  let page: Page;

  const open = async (hash: string): Promise<void> => {
    await page.goto(`${address}/${hash}`);
    await page.locator(".grid-row[data-key]").first().waitFor();
  };
  /** The row and column of the cursor, and whether it is visible as a whole. */
  const cursor = (): Promise<readonly [string | undefined, string | undefined, boolean]> =>
    page.evaluate(() => {
      const cell = document.querySelector<HTMLElement>(".cell.active");
      const grid = document.querySelector(".grid")?.getBoundingClientRect();
      const head = document.querySelector(".grid-head")?.getBoundingClientRect();
      const first = document.querySelector(".grid-head .cell")?.getBoundingClientRect();
      const box = cell?.getBoundingClientRect();
      const row = cell?.closest<HTMLElement>(".grid-row")?.dataset["key"];
      if (!cell || !grid || !head || !first || !box) return [row, undefined, false] as const;
      const isFirst = cell.getAttribute("aria-colindex") === "1";
      const isVisible =
        box.top >= head.bottom - 1 &&
        box.bottom <= grid.bottom + 1 &&
        box.left >= (isFirst ? grid.left : first.right) - 1 &&
        box.right <= grid.right + 1;
      return [row, cell.dataset["column"], isVisible] as const;
    });
  const focused = (): Promise<string | undefined> =>
    page.evaluate(() => {
      const element = document.activeElement;
      return element instanceof HTMLInputElement
        ? element.dataset["filter"]
        : (element?.className ?? undefined);
    });
  const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  const press = async (key: string, times: number): Promise<void> => {
    for (let time = 0; time < times; time++) await page.keyboard.press(key);
  };

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    tidemark = createTidemark({
      channels: {
        orders: channel({
          key: "id",
          columns: { id: "integer", customer: "text", amount: "float", created_at: "timestamp" },
        }),
        events: channel({ key: "id", columns: { id: "text", details: "json" } }),
        wide: channel({
          key: "column_0",
          columns: Object.fromEntries(wideColumns.map((name) => [name, "text"] as const)),
        }),
      },
      catalog: true,
      assets,
      logger: silent,
    });
    await tidemark
      .channel("orders")
      .upsert(Array.from({ length: ORDERS }, (_, index) => order(1_000_000 + index)));
    await tidemark
      .channel("wide")
      .upsert(
        Array.from({ length: 60 }, (_, row) =>
          Object.fromEntries(wideColumns.map((name) => [name, `${name} of ${row}`])),
        ),
      );
    await tidemark.channel("events").upsert({ id: "a", details: { kind: "login" } });
    ({ url: address } = await tidemark.listen({ port: 0 }));
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await tidemark?.stop();
  });
  beforeEach(async () => {
    await page?.context().close();
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    page = await context.newPage();
  });

  it("loads at most 150 kB before it shows rows, compressed", async () => {
    const sizes = new Map<string, number>();
    const answers: Promise<void>[] = [];
    page.on("response", (response) => {
      const name = new URL(response.url()).pathname;
      const isText = /\.(js|css)$|^\/$/.test(name);
      answers.push(
        response.body().then((body) => {
          sizes.set(name, isText ? gzipSync(body, { level: 9 }).length : body.length);
          if (isText) expect(response.headers()["content-encoding"]).toBe("br");
        }),
      );
    });
    await open("#/events");
    await page.evaluate(() => document.fonts.ready);
    // What comes later is not the first view.
    page.removeAllListeners("response");
    await Promise.all(answers);
    // The page, its style, its script, the worker, both faces.
    expect(sizes.size).toBeGreaterThanOrEqual(6);
    expect([...sizes.keys()].some((name) => name.includes("worker"))).toBe(true);

    expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_VIEW_BYTES);
  });

  it("keeps the cursor visible while ↓, ↑ or Page Down is held", async () => {
    await open("#/orders?sort=id");
    await page.locator(".grid").focus();
    await press("ArrowDown", 60);
    await expect.poll(cursor).toEqual(["1000060", "id", true]);
    await press("ArrowUp", 50);
    await expect.poll(cursor).toEqual(["1000010", "id", true]);
    await press("PageDown", 3);
    await expect.poll(async () => (await cursor())[2]).toBe(true);
    await press("End", 1);
    await expect.poll(cursor).toEqual([String(1_000_000 + ORDERS - 1), "id", true]);
  });

  it("scrolls sideways with the cursor, and renders only the columns in sight", async () => {
    await open("#/wide");
    await page.locator(".grid").focus();
    await press("ArrowRight", 40);
    await expect.poll(async () => (await cursor()).slice(1)).toEqual(["column_40", true]);
    await press("ArrowLeft", 25);
    await expect.poll(async () => (await cursor()).slice(1)).toEqual(["column_15", true]);
    expect(await page.locator(".grid .cell").count()).toBeLessThan(1_200);
    // Header and rows stay aligned.
    const lefts = await page.evaluate(() =>
      [".grid-head .cell", ".grid-row[data-key] .cell"].map(
        (cells) => document.querySelectorAll(cells)[5]?.getBoundingClientRect().left,
      ),
    );
    expect(lefts[0]).toBe(lefts[1]);
    // The first column covers those that scroll below it.
    const covers = await page.evaluate(() =>
      [".grid-head .cell", ".grid-row[data-key] .cell"].map((cell) => {
        const first = document.querySelector(cell);
        return first === null ? "" : getComputedStyle(first).backgroundColor;
      }),
    );
    for (const colour of covers) expect(colour).not.toBe("rgba(0, 0, 0, 0)");
  });

  it("shows where the focus is", async () => {
    await open("#/orders");
    await page.locator('[data-filter="id"]').focus();
    await page.keyboard.press("Escape");
    await expect.poll(focused).toBe("grid");
    const outline = await page
      .locator(".cell.active")
      .evaluate((cell) => getComputedStyle(cell).outline);
    expect(outline).toMatch(/solid 2px/);
  });

  it("keeps a filter at Esc and goes back to the rows; / goes from filter to filter", async () => {
    await open("#/orders");
    await page.keyboard.press("/");
    await expect.poll(focused).toBe("id");
    await page.keyboard.press("/");
    await expect.poll(focused).toBe("customer");
    await page.keyboard.type("customer 1000007");
    await page.keyboard.press("Escape");
    await expect.poll(focused).toBe("grid");
    await expect.poll(() => page.locator(".grid-row[data-key]").count()).toBe(1);
    expect(await page.locator('[data-filter="customer"]').inputValue()).toBe("customer 1000007");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("/");
    await expect.poll(focused).toBe("customer");
    // In a filter that someone has clicked, the sign begins a regex.
    await page.locator('[data-filter="id"]').click();
    await page.keyboard.press("/");
    expect(await page.locator('[data-filter="id"]').inputValue()).toBe("/");
  });

  it("moves open details with the cursor", async () => {
    await open("#/orders?sort=id");
    await page.locator('.grid-row[data-key="1000003"] .cell').first().click();
    await expect.poll(() => page.locator(".detail").innerText()).toContain("customer 1000003");
    await press("ArrowDown", 2);
    await expect.poll(() => page.locator(".detail").innerText()).toContain("customer 1000005");
    await expect.poll(() => page.url()).toContain("row=1000005");
    // On a phone, details open below the grid: the row stays in sight.
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator('.grid-row[data-key="1000018"] .cell').nth(1).click();
    await page.locator(".detail").waitFor();
    await expect.poll(cursor).toEqual(["1000018", "customer", true]);
  });

  it("tells what a cell shortens, to who points at it and who comes to it by keyboard", async () => {
    await open("#/orders?sort=id");
    const time = page.locator('.grid-row[data-key="1000002"] .cell[data-column="created_at"]');
    await time.hover();
    await expect.poll(() => time.getAttribute("title")).toContain("(2026-01-31T12:00:00Z)");
    await page.locator(".grid").focus();
    await press("End", 1);
    await page.locator(".grid-row .cell.active").waitFor();
    await press("ArrowRight", 3);
    await expect
      .poll(() => page.locator(".cell.active").getAttribute("title"))
      .toContain("(2026-01-31T12:00:00Z)");
    expect(await page.locator("#active-cell").count()).toBe(1);
  });

  it("copies the cell, with Shift the row", async () => {
    await open("#/orders?sort=id");
    await page.locator('.grid-row[data-key="1000004"] .cell').nth(2).click();
    await page.keyboard.press("Control+c");
    await expect.poll(copied).toBe("1234.5");
    await page.keyboard.press("Control+Shift+C");
    await expect
      .poll(copied)
      .toBe(
        "id\tcustomer\tamount\tcreated_at\n1000004\tcustomer 1000004\t1234.5\t2026-01-31T12:00:00Z",
      );
  });

  it("opens the list of keys on a click", async () => {
    await open("#/orders");
    await page.getByRole("button", { name: "? Keys" }).click();
    await expect.poll(() => page.getByRole("dialog").innerText()).toContain("Ctrl Shift C");
  });

  it("aligns decimal points, and writes keys without separators", async () => {
    await open("#/orders?sort=id");
    expect(await page.locator(".grid-row .cell").first().innerText()).toBe("1000000");
    const points = await page.evaluate(() =>
      [...document.querySelectorAll('.grid-row .cell[data-column="amount"]')].map((cell) => {
        const range = document.createRange();
        const [own, filler] = [cell.firstChild, cell.querySelector(".filler")?.firstChild];
        const node = own?.textContent?.includes(".") === true ? own : filler;
        const at = node?.textContent?.indexOf(".") ?? -1;
        if (!node || at < 0) return undefined;
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        return Math.round(range.getBoundingClientRect().left * 2) / 2;
      }),
    );
    expect(points.length).toBeGreaterThan(20);
    expect(new Set(points).size).toBe(1);
    expect(await page.locator('.cell[data-column="amount"]').first().innerText()).toBe("1,234.5");
  });

  it("shows the newest rows first, and counts new ones while one reads", async () => {
    await open("#/orders");
    const top = page.locator(".grid-row .cell").first();
    const follow = page.locator(".follow");
    const add = (id: number): Promise<unknown> =>
      Promise.resolve(tidemark.channel("orders").upsert(order(id)));
    expect(await top.innerText()).toBe(String(1_000_000 + ORDERS - 1));
    await add(2_000_000);
    await expect.poll(() => top.innerText()).toBe("2000000");
    // Paused: the row counts and is not inserted; other rows stay live.
    await page.keyboard.press("p");
    await add(2_000_001);
    await expect.poll(() => follow.innerText()).toMatch(/Follow newest\s+1 new/);
    expect(await top.innerText()).toBe("2000000");
    await tidemark.channel("orders").upsert({ ...order(2_000_000), customer: "Ada" });
    await expect.poll(() => page.locator(".grid-row .cell").nth(1).innerText()).toBe("Ada");
    await follow.click();
    await expect.poll(() => top.innerText()).toBe("2000001");
    // Scrolled away from the top, the rows in sight stay.
    await page.locator(".grid").evaluate((grid) => grid.scrollTo(0, 2_000));
    await expect.poll(() => follow.innerText()).toMatch(/Follow newest\s+paused/);
    await add(2_000_002);
    await expect.poll(() => follow.innerText()).toMatch(/Follow newest\s+1 new/);
    await page.locator(".grid").evaluate((grid) => grid.scrollTo(0, 0));
    await expect.poll(() => top.innerText()).toBe("2000002");
    await expect.poll(() => follow.innerText()).toMatch(/^Pause/);
  });
});
