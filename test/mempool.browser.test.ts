/**
 * The mempool dashboard in Chromium: its list with filters and details, a pause that loses nothing,
 * and a server that is killed.
 */
import type { ChildProcess } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDashboard, startDashboard } from "./support/dashboard-program.ts";
import { freePort } from "./support/free-port.ts";
import { launchChromium } from "./support/launch-chromium.ts";

describe("the mempool dashboard", () => {
  let port = 0;
  let url = "";
  let child: ChildProcess | undefined;
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    port = await freePort();
    [{ url, child }, browser] = await Promise.all([
      startDashboard("mempool", port, "--rate", "40", "--seed", "3"),
      launchChromium(),
    ]);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(url);
    await rows().first().waitFor();
  });
  afterAll(async () => {
    await browser.close();
    await killDashboard(child);
    expect(errors).toEqual([]);
  });

  const panel = (name: string) => page.locator(`[data-panel="${name}"]`);
  const rows = () => panel("transactions").locator("[data-key]");
  const badge = (name: string, status: string) =>
    panel(name).locator(`.badge[data-status="${status}"]`).first().waitFor();
  const field = (name: string) => panel("transactions").getByRole("textbox", { name, exact: true });
  /** The texts of one column, in any order. */
  const column = (name: string): Promise<string[]> =>
    rows().evaluateAll(
      (all, cell) =>
        all.map((row) => row.querySelector(`[data-column="${cell}"]`)?.textContent ?? ""),
      name,
    );
  const hashes = (): Promise<string[]> =>
    rows().evaluateAll((all) =>
      all
        .map((row) => row as HTMLElement)
        .sort((left, right) => left.getBoundingClientRect().top - right.getBoundingClientRect().top)
        .map((row) => row.dataset["key"] ?? ""),
    );

  const newestOnServer = async (): Promise<number> => {
    const answer = await fetch(`${url}/dashboard/snapshot-v2?channels=tx.main`);
    const { channels } = (await answer.json()) as {
      channels: { "tx.main": { rows: readonly { hash: string; chain: string }[] } };
    };
    const { rows: all } = channels["tx.main"];
    const own = all.filter(({ chain }) => chain === "ethereum");
    return Math.max(...own.map(({ hash }) => numberIn(hash)));
  };

  it("shows transactions, features, chains and gas prices, each with its freshness", async () => {
    for (const name of ["transactions", "opportunities", "features", "gas"])
      await badge(name, "live");
    for (const chain of ["ethereum", "base"])
      await page.locator(`[data-chain="${chain}"] .badge[data-status="live"]`).waitFor();
    await panel("features").locator('[data-name="uniswap_v2"]').waitFor();
    await panel("gas").locator("rect").first().waitFor();
  });

  it("filters by protocol, value, address and regex, and says what is wrong with a filter", async () => {
    await page.keyboard.press("/");
    await field("value").fill(">0.5");
    await field("protocol").fill("/^uniswap/");
    await expect
      .poll(async () => {
        const [protocols, values] = [await column("protocol"), await column("value")];
        return (
          protocols.length > 0 &&
          protocols.every((text) => text.startsWith("uniswap")) &&
          values.every((text) => Number(text.replaceAll(",", "")) >= 0.5)
        );
      })
      .toBe(true);
    await field("fee").fill("many");
    expect(await panel("transactions").locator('[role="alert"]').innerText()).toContain(
      "Type a value like",
    );
    for (const name of ["value", "protocol", "fee"]) await field(name).fill("");
    // A bar of the features is a filter, too.
    await panel("features").locator('[data-name="erc721"]').click();
    await expect.poll(async () => [...new Set(await column("protocol"))]).toEqual(["erc721"]);
    await panel("features").locator('[data-name="erc721"]').click();
    await page.keyboard.press("Escape");
  });

  it("opens the details that the application's route has, and follows the arrows", async () => {
    await panel("transactions").locator("[data-pause]").click();
    await badge("transactions", "paused");
    const [, second = "", third = ""] = await hashes();
    await page.locator(`[data-panel="transactions"] [data-key="${second}"]`).click();
    const detail = page.locator(".detail");
    await detail.locator(".took[data-ms]").waitFor();
    const answer = await fetch(`${url}/transactions/${second}`);
    const { from, nonce } = (await answer.json()) as { from: string; nonce: number };
    const facts = await detail.locator(".facts").first().innerText();
    expect(facts).toContain(from);
    expect(facts.replaceAll(",", "")).toMatch(new RegExp(`nonce\\s+${nonce}`));
    await panel("transactions").locator(".live-rows").focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => detail.locator(".hash").innerText()).toBe(third);
    await expect.poll(() => new URL(page.url()).searchParams.get("tx")).toBe(third);
    await page.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });
    await panel("transactions").locator("[data-pause]").click();
  });

  it("loses no row while it is paused", async () => {
    await page.goto(`${url}/?f.chain=%3Dethereum`);
    await badge("transactions", "live");
    await page.keyboard.press("p");
    await badge("transactions", "paused");
    const before = await hashes();
    const newest = Math.max(...before.map(numberIn));
    await expect.poll(newestOnServer, { timeout: 20_000 }).toBeGreaterThan(newest + 20);
    await expect.poll(waiting, { timeout: 20_000 }).toBeGreaterThan(40);
    expect(await hashes()).toEqual(before);
    await page.keyboard.press("p");
    await badge("transactions", "live");
    await page.keyboard.press("p");
    await badge("transactions", "paused");
    // The numbers of a chain's transactions rise by one each, so what the list lacks is to be seen.
    const found = new Set<number>();
    const list = panel("transactions").locator(".live-rows");
    await expect
      .poll(
        async () => {
          for (const hash of await hashes()) found.add(numberIn(hash));
          await list.evaluate((element) => element.scrollBy({ top: 300 }));
          return found.has(newest);
        },
        { timeout: 20_000, interval: 10 },
      )
      .toBe(true);
    const missing: number[] = [];
    for (let number = newest; number < Math.max(...found); number++)
      if (!found.has(number)) missing.push(number);
    expect(missing).toEqual([]);
    expect(Math.max(...found)).toBeGreaterThan(newest + 15);
  });

  it("reports to the server what it costs its reader, and may measure its worker's heap", async () => {
    const shown = (name: string): Promise<string> =>
      page.locator(".cost .item", { hasText: name }).locator("dd").innerText();
    await expect.poll(() => shown("missed"), { timeout: 30_000 }).toMatch(/^[\d.]+ %$/);
    expect(await shown("paint")).toMatch(/ms|s$/);
    const counted = async (): Promise<readonly string[]> => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return metrics.match(/^(?:ui_\w+_count|tx_detail_index_size).* [1-9]\d*$/gm) ?? [];
    };
    await expect
      .poll(counted, { timeout: 30_000 })
      .toEqual(
        expect.arrayContaining([
          expect.stringContaining("tx_detail_index_size"),
          expect.stringContaining("ui_render_drop_ratio_count"),
          expect.stringContaining("ui_render_commit_ms_count"),
          expect.stringContaining('ui_heap_used_mb_count{of="page'),
        ]),
      );
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it("keeps the selected transaction while the server is gone, and when the server has forgotten it", async () => {
    await page.goto(url);
    for (const name of ["transactions", "features", "gas"]) await badge(name, "live");
    await rows().nth(3).click();
    const detail = page.locator(".detail");
    await detail.locator(".facts").first().waitFor();
    // The route's answer and the row come each in their own time.
    await detail.locator(".outline").waitFor();
    const hash = await detail.locator(".hash").innerText();
    await killDashboard(child);
    await page.locator('.strip .badge[data-status="disconnected"]').waitFor();
    for (const name of ["transactions", "features", "gas"]) await badge(name, "stale");
    expect(await detail.locator(".facts").first().isVisible()).toBe(true);

    ({ child } = await startDashboard("mempool", port, "--rate", "40", "--seed", "4"));
    await badge("transactions", "live");
    await expect.poll(hashes).not.toContain(hash);
    await badge("detail", "paused");
    expect(await detail.locator(".hash").innerText()).toBe(hash);
    expect(await detail.locator(".facts").first().isVisible()).toBe(true);
    expect(await detail.locator(".outline").isVisible()).toBe(true);
  });

  /** How many changed rows the badge counts. */
  async function waiting(): Promise<number> {
    const text = await panel("transactions").locator(".badge").first().innerText();
    return Number(/([\d,]+) changed/.exec(text)?.[1]?.replaceAll(",", "") ?? 0);
  }

  /** The last digits of a hash of the built-in feed are the transaction's number. */
  function numberIn(hash: string): number {
    return Number.parseInt(hash.slice(-14, -2), 16);
  }
});
