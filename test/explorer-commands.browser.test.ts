/** The explorer with sixty tables, in Chromium: the list, the palette, the view as code. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { channel, createTidemark, type Tidemark } from "../src/index.ts";
import { createClient } from "../src/client/node.ts";
import { polled } from "../src/sources/polled/index.ts";
import { silent } from "./support/silent.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const TABLES = 61;
const LONG = "customer_identification_documents_archive";
const names = Array.from({ length: TABLES - 2 }, (_, index) => `table_${index + 10}`);

describe("the explorer with many tables", () => {
  let browser: Browser;
  let tidemark: Tidemark;
  let address = "";
  let page: Page;

  const open = async (hash: string): Promise<void> => {
    await page.goto(`${address}/${hash}`);
    await page.locator(".grid-row[data-key]").first().waitFor();
  };

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    const declaration = channel({ key: "id", columns: { id: "integer", kind: "text" } });
    tidemark = createTidemark({
      channels: Object.fromEntries([LONG, ...names].map((name) => [name, declaration])),
      sources: [
        polled({
          channel: "levels",
          key: ["symbol", "level"],
          columns: { level: "integer", symbol: "text" },
          parameter: "symbol",
          every: 100,
          run: ({ symbol }) => [1, 2, 3].map((level) => ({ level, symbol })),
        }),
      ],
      catalog: true,
      assets,
      logger: silent,
    });
    for (const name of [LONG, ...names])
      await tidemark.channel(name).upsert({ id: 1, kind: "first" });
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

  it("scrolls the list to the chosen table, and finds tables by name", async () => {
    await open("#/table_68");
    const chosen = page.locator('.channels [aria-current="page"]');
    await expect
      .poll(async () => {
        const box = await chosen.boundingBox();
        return box !== null && box.y > 0 && box.y + box.height <= 900;
      })
      .toBe(true);
    await page.getByLabel("Find a table").fill("documents");
    await expect.poll(() => page.locator(".channel-name").allInnerTexts()).toEqual([LONG]);
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("h1").innerText()).toBe(LONG);
    await page.getByLabel("Find a table").focus();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".channel-name").count()).toBe(TABLES);
  });

  it("gives long names room: the list is as wide as one likes, also after a reload", async () => {
    await open(`#/${LONG}`);
    const isCut = (): Promise<boolean> =>
      page
        .locator(".channel-name", { hasText: LONG })
        .evaluate((name) => name.scrollWidth > name.clientWidth);
    expect(await isCut()).toBe(true);
    await page.getByRole("separator").focus();
    for (let step = 0; step < 14; step++) await page.keyboard.press("ArrowRight");
    await expect.poll(isCut).toBe(false);
    await page.reload();
    await page.locator(".channel-name").first().waitFor();
    await expect.poll(isCut).toBe(false);
  });

  it("draws the rate of a table", async () => {
    await open("#/table_10");
    const line = page.getByRole("button", { name: /^table_10/ }).locator(".sparkline path");
    for (let id = 2; id < 40; id++) await tidemark.channel("table_10").upsert({ id, kind: "next" });
    await expect.poll(() => line.count(), { timeout: 15_000 }).toBe(1);
  });

  it("goes to tables and columns from the palette", async () => {
    await open("#/table_10");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Find a table, a column/ }).fill("documents");
    await expect.poll(() => page.getByRole("option").count()).toBe(1);
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("h1").innerText()).toBe(LONG);
    await page.locator(".grid-row[data-key]").first().waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Find a table, a column/ }).fill("column kind");
    await page.keyboard.press("Enter");
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["filter"]))
      .toBe("kind");
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  });

  it("takes what is typed before the palette is loaded, and has the columns of all tables", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route(/palette.*\.js/, async (route) => {
      await released;
      await route.continue();
    });
    await open("#/table_10");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("documemts");
    for (let key = 0; key < 3; key++) await page.keyboard.press("Backspace");
    await page.keyboard.type("nts");
    await page.keyboard.press("Enter");
    release();
    await expect.poll(() => page.locator("h1").innerText()).toBe(LONG);
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("column symbol levels");
    await expect.poll(() => page.getByRole("option").count()).toBe(1);
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("h1").innerText()).toBe("levels");
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["filter"]))
      .toBe("symbol");
  });

  it("shows what the polled queries cost", async () => {
    await open("#/table_10");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Find a table, a column/ }).fill("polled");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Polled queries" });
    await dialog.getByText("No query runs.").waitFor();
    const client = createClient({ url: `${address.replace("http", "ws")}/v2/stream` });
    const where = { column: "symbol", eq: "A" } as const;
    const stop = client.live({ channel: "levels", where }).subscribe(() => {});
    const row = dialog.getByRole("row", { name: /^levels symbol=A/ });
    const cells = (): Promise<string[]> => row.getByRole("cell").allInnerTexts();
    await expect.poll(async () => (await cells()).slice(0, 2)).toEqual(["3", "0"]);
    await expect.poll(async () => (await cells())[3]).toBe("1");
    stop();
    client.close();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  });

  it("copies the view as code", async () => {
    await open("#/table_10?f.kind=%3Dfirst");
    await page.getByRole("button", { name: "Copy as code" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const code = await page.evaluate(() => navigator.clipboard.readText());
    expect(code).toContain("export function useTable10() {");
    expect(code).toContain('where: { column: "kind", eq: "first" },');
    expect(code).toContain('orderBy: [{ column: "id", direction: "desc" }],');
  });
});
