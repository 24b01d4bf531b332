/**
 * The explorer in Chromium: rows appear, change, filter, sort, and survive a restart of the server.
 */
import { PGlite } from "@electric-sql/pglite";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTidemark, type Tidemark } from "../src/index.ts";
import { postgres } from "../src/sources/postgres/index.ts";
import { silent } from "./support/silent.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
describe("the explorer", () => {
  let browser: Browser;
  let database: PGlite;
  let tidemark: Tidemark;
  let port = 0;
  let page: Page;

  const startServer = async (): Promise<void> => {
    tidemark = createTidemark({
      sources: [postgres(database)],
      catalog: true,
      assets,
      logger: silent,
    });
    ({ port } = await tidemark.listen({ port }));
  };
  const cells = (column: number): Promise<string[]> =>
    page.locator(`.grid-row .cell:nth-child(${column})`).allInnerTexts();
  const open = async (hash: string): Promise<void> => {
    await page.goto(`http://localhost:${port}/${hash}`);
    await page.locator(".grid-row[data-key]").first().waitFor();
  };

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    browser = await launchChromium();
    database = await PGlite.create();
    await database.exec(`
      CREATE TABLE fruit (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2), stock int);
      INSERT INTO fruit VALUES (1, 'apple', 1.50, 10), (2, 'banana', 0.25, 200), (3, 'cherry', 12.00, 5);
      CREATE TABLE logbook (line text);
      CREATE TABLE big AS SELECT n AS id, 'row ' || n AS name FROM generate_series(1, 100000) n;
      ALTER TABLE big ADD PRIMARY KEY (id);`);
    await startServer();
  });
  afterAll(async () => {
    await browser.close();
    await tidemark.stop();
    await database.close();
  });
  beforeEach(async () => {
    await page?.context().close();
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  });

  it("lists channels with sizes, and refused tables with the reason", async () => {
    await open("#/fruit");
    await expect
      .poll(() => page.locator(".channels button").allInnerTexts())
      .toEqual([
        expect.stringMatching(/^big\s+([\d,.]+\/s\s+)?100K$/),
        expect.stringMatching(/^fruit\s+([\d,.]+\/s\s+)?3$/),
        expect.stringMatching(/^logbook\s+refused$/),
      ]);
    await page.getByRole("button", { name: /logbook/ }).click();
    await expect.poll(() => page.locator(".state").innerText()).toContain("no primary key");
  });

  it("shows rows that appear, change and leave", async () => {
    await open("#/fruit?sort=id");
    expect(await cells(2)).toEqual(["apple", "banana", "cherry"]);
    await database.exec(
      "INSERT INTO fruit VALUES (4, 'date', 3, 7); UPDATE fruit SET name = 'apricot' WHERE id = 1; DELETE FROM fruit WHERE id = 2",
    );
    await expect.poll(() => cells(2)).toEqual(["apricot", "cherry", "date"]);
    await database.exec(
      "DELETE FROM fruit WHERE id = 4; UPDATE fruit SET name = 'apple' WHERE id = 1; INSERT INTO fruit VALUES (2, 'banana', 0.25, 200)",
    );
    await expect.poll(() => cells(2)).toEqual(["apple", "banana", "cherry"]);
  });

  it("filters and sorts on the server, and keeps both in the address", async () => {
    await open("#/fruit");
    await page.locator('[data-filter="price"]').fill(">1");
    await expect.poll(async () => (await cells(2)).toSorted()).toEqual(["apple", "cherry"]);
    await page.getByRole("columnheader", { name: /price/ }).getByRole("button").click();
    await expect.poll(() => cells(2)).toEqual(["apple", "cherry"]);
    await page.getByRole("columnheader", { name: /price/ }).getByRole("button").click();
    await expect.poll(() => cells(2)).toEqual(["cherry", "apple"]);
    expect(decodeURIComponent(page.url())).toContain("sort=-price&f.price=>1");
    await page.reload();
    await expect.poll(() => cells(2)).toEqual(["cherry", "apple"]);
    await database.exec("UPDATE fruit SET price = 99 WHERE id = 2");
    await expect.poll(() => cells(2)).toEqual(["banana", "cherry", "apple"]);
    await database.exec("UPDATE fruit SET price = 0.25 WHERE id = 2");
    await expect.poll(() => cells(2)).toEqual(["cherry", "apple"]);
  });

  it("explains an invalid filter in words, at the filter", async () => {
    await open("#/fruit");
    await page.locator('[data-filter="price"]').fill("cheap");
    await expect.poll(() => page.getByRole("alert").innerText()).toContain("Type a value like 42");
    await page.locator('[data-filter="price"]').fill("");
    await page.locator('[data-filter="name"]').fill("/(/");
    await expect.poll(() => page.getByRole("alert").innerText()).toContain("Bad regex");
    await page.getByRole("button", { name: "Clear filters" }).first().click();
    await expect.poll(async () => (await cells(2)).length).toBe(3);
    await page.locator('[data-filter="name"]').fill("nothing like it");
    await expect.poll(() => page.locator(".state").innerText()).toContain("No matching rows");
  });

  it("opens the live details of a row on click", async () => {
    await open("#/fruit?sort=id");
    await page.locator('.grid-row[data-key="3"] .cell').nth(1).click();
    await expect.poll(() => page.locator(".detail").innerText()).toContain("12.00");
    await database.exec("UPDATE fruit SET price = 13.37 WHERE id = 3");
    await expect.poll(() => page.locator(".detail").innerText()).toContain("13.37");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".detail").count()).toBe(0);
    await database.exec("UPDATE fruit SET price = 12.00 WHERE id = 3");
  });

  it("scrolls through 100,000 rows and renders only a few of them", async () => {
    await open("#/big?sort=id");
    await expect
      .poll(() => page.locator(".count").innerText(), { timeout: 20_000 })
      .toBe("100,000 rows");
    await page.locator(".grid").focus();
    await page.keyboard.press("End");
    await expect.poll(() => page.locator('.grid-row[data-key="100000"]').count()).toBe(1);
    expect(await page.locator(".grid-row").count()).toBeLessThan(80);
  });

  it("draws other rows in the same elements while one scrolls, with none in sight missing", async () => {
    await open("#/big?sort=id");
    await expect
      .poll(() => page.locator(".count").innerText(), { timeout: 20_000 })
      .toBe("100,000 rows");
    const scrolled = await page.evaluate(async () => {
      const grid = document.querySelector(".grid") as HTMLElement;
      const rows = (): Element[] => [...document.querySelectorAll(".grid-row")];
      const isThere = (y: number): boolean =>
        grid.querySelector(`[data-key="${Math.floor(y / 28) + 1}"]`) !== null;
      const height = grid.clientHeight - (grid.querySelector(".grid-head")?.clientHeight ?? 0);
      const inSight = (): boolean =>
        isThere(grid.scrollTop) && isThere(grid.scrollTop + height - 1);
      const move = async (top: number): Promise<void> => {
        grid.scrollTop = top;
        await new Promise((resolve) => requestAnimationFrame(resolve));
      };
      const start = new Set(rows());
      const missing: number[] = [];
      let others = 0;
      for (let top = 0; top < 8_000; top += 233) {
        await move(top);
        if (!inSight()) missing.push(top);
        others += rows().filter((row) => !start.has(row)).length;
      }
      for (let top = 10_000; top < 1_000_000; top += 100_003) {
        await move(top);
        if (!inSight()) missing.push(top);
      }
      return { missing, others, rows: start.size };
    });
    expect(scrolled).toMatchObject({ missing: [], others: 0 });
    // After jumps, the rows beyond the edges come once the grid rests.
    await expect.poll(() => page.locator(".grid-row").count()).toBe(scrolled.rows);
  });

  it("says that the server is unreachable, keeps the rows, and is live again after a restart", async () => {
    await open("#/fruit?sort=id");
    await tidemark.stop();
    await expect.poll(() => page.locator(".title .badge").innerText()).toContain("disconnected");
    expect(await cells(2)).toEqual(["apple", "banana", "cherry"]);
    await database.exec("UPDATE fruit SET name = 'blueberry' WHERE id = 2");
    await startServer();
    await expect
      .poll(() => cells(2), { timeout: 30_000 })
      .toEqual(["apple", "blueberry", "cherry"]);
    await expect.poll(() => page.locator(".title .badge").innerText()).toBe("live");
  });
});
