/** Pages of the review dashboard with their helpers, for tests. */
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Locator,
  Page,
} from "playwright-core";

/** Opens a page as a reviewer, with this query in its address, and waits for its rows. */
export async function openReview(
  browser: Browser,
  url: string,
  name: string,
  { query = "", ...options }: BrowserContextOptions & { readonly query?: string } = {},
): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  await page.goto(`${url}/?as=${name}${query}`);
  await page.locator(".grid-row[data-key]").first().waitFor();
  return page;
}

export function rowOf(page: Page, key: string): Locator {
  return page.locator(`.grid-row[data-key="${key}"]`);
}

/** A result that is not reviewed yet, near the top of the list. */
export async function pendingKey(page: Page, nth = 0): Promise<string> {
  const key = await page
    .locator('.grid-row:has(.c-status[data-status="pending"])')
    .nth(nth)
    .getAttribute("data-key");
  if (key === null) throw new Error("no row to review in sight");
  return key;
}

export function savingText(page: Page): Promise<string> {
  return page.locator(".others").innerText();
}
