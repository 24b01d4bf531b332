/** What the page of the trading dashboard shows. */
import type { Page } from "playwright-core";

/** What the cells of a widget's rows say, in the order of the screen. */
export const cells = (page: Page, kind: string): Promise<string[][]> =>
  page.locator(`[data-kind="${kind}"] [data-key]`).evaluateAll((rows) =>
    rows
      .map((row) => ({
        top: row.getBoundingClientRect().top,
        texts: Array.from(row.children, (cell) => cell.textContent.replaceAll(",", "")),
      }))
      .sort((left, right) => left.top - right.top)
      .map(({ texts }) => texts),
  );

/** The keys of the tape's rows that are in the document. */
export const tapeKeys = (page: Page): Promise<string[]> =>
  page
    .locator('[data-kind="tape"] [data-key]')
    .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["key"] ?? ""));

/**
 * Scrolls the tape down from its top by less than what is in sight, until it has shown so many rows or says that
 * there are no more; returns the keys of all rows that it has shown.
 */
export const scrollTape = (page: Page, most = Number.POSITIVE_INFINITY): Promise<string[]> =>
  page.locator('[data-kind="tape"] .live-rows').evaluate(async (list, rowsMax) => {
    const seen = new Set<string>();
    const look = (): void => {
      for (const row of list.querySelectorAll<HTMLElement>("[data-key]"))
        seen.add(row.dataset["key"] ?? "");
    };
    const isAtEnd = (): boolean =>
      list.lastElementChild?.textContent === "All rows are loaded." &&
      list.scrollTop + list.clientHeight > list.scrollHeight - 2;
    list.scrollTo({ top: 0 });
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (look(); seen.size < rowsMax && !isAtEnd(); look()) {
      list.scrollBy({ top: 400 });
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }
    return [...seen];
  }, most);

/** What the ladder shows of one side, the best level first: `price quantity`. */
export async function ladderLevels(page: Page, side: "bid" | "ask"): Promise<string[]> {
  const texts = await page
    .locator(`[data-kind="ladder"] [data-side="${side}"]`)
    .evaluateAll((rows) =>
      rows.map((row) => `${row.children[1]?.textContent} ${row.children[2]?.textContent}`),
    );
  const levels = texts.map((text) => text.replaceAll(",", ""));
  // Asks stand above each other, the best one lowest.
  return side === "ask" ? levels.toReversed() : levels;
}

/** The candle that the chart has in numbers: open, high, low, close, volume, trades. */
export async function legend(page: Page): Promise<string[]> {
  const texts = await page.locator(".legend span").allInnerTexts();
  return texts.map((each) => String(Number(each.replace(/[^\d.]/g, ""))));
}
