/**
 * The review dashboard in Chromium: each user sees the other's edits, and no older value is shown
 * again, in whatever order and however late the answer and the stream come.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDelayProxy, type DelayProxy } from "./support/delay-proxy.ts";
import { openReview, pendingKey, rowOf as row, savingText } from "./support/review-browser.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { startReview, type ReviewServer } from "./support/review-server.ts";

/** The four delays of an endpoint's answer and of the stream. */
const DELAYS: readonly (readonly [answerMs: number, streamMs: number])[] = [
  [0, 0],
  [1_200, 0],
  [0, 1_200],
  [800, 1_200],
];

interface Seen {
  readonly value: string;
  readonly atMs: number;
}

declare global {
  interface Window {
    seen: Seen[];
    recorder: MutationObserver | undefined;
    clickedMs: number;
    firstFrame: string;
  }
}

describe("the review dashboard", () => {
  let browser: Browser;
  let server: ReviewServer;
  let proxy: DelayProxy;

  beforeAll(async () => {
    browser = await launchChromium();
    server = await startReview();
    proxy = await startDelayProxy(server.url);
  });
  afterAll(async () => {
    await browser.close();
    await proxy.close();
    await server.stop();
  });
  const closePages = (): Promise<unknown> =>
    Promise.all(browser.contexts().map((context) => context.close()));
  afterEach(() => {
    Object.assign(proxy, { answerMs: 0, streamMs: 0, upMs: 0 });
  });

  const open = (name: string, { through = server.url, query = "" } = {}): Promise<Page> =>
    openReview(browser, through, name, { query });
  /** Shows all results, so that a row stays in the list when its status changes. */
  const openAll = (
    name: string,
    { through = server.url, query = "" }: { through?: string; query?: string } = {},
  ): Promise<Page> => open(name, { through, query: `${query}&status=all` });
  /** Records all values that the row shows from now on, in order. */
  const record = (page: Page, key: string, cell: string): Promise<void> =>
    page.evaluate(
      ([wanted, selector]) => {
        window.recorder?.disconnect();
        window.seen = [];
        const read = (): void => {
          const value =
            document.querySelector(`.grid-row[data-key="${wanted}"] ${selector}`)?.textContent ??
            "no row";
          if (window.seen.at(-1)?.value !== value)
            window.seen.push({ value, atMs: performance.now() });
        };
        read();
        window.recorder = new MutationObserver(read);
        window.recorder.observe(document.body, {
          subtree: true,
          childList: true,
          characterData: true,
          attributes: true,
        });
      },
      [key, cell] as const,
    );
  const seen = async (page: Page): Promise<readonly string[]> =>
    (await page.evaluate(() => window.seen)).map(({ value }) => value);
  /** Presses a button of the detail panel, and returns what the row shows in the next frame. */
  const press = (page: Page, key: string, cell: string, button: RegExp): Promise<void> =>
    page.evaluate(
      ([wanted, selector, text]) => {
        const found = [...document.querySelectorAll<HTMLButtonElement>(".buttons button")].find(
          ({ textContent }) => new RegExp(text).test(textContent),
        );
        requestAnimationFrame(() => {
          found?.click();
          requestAnimationFrame(() => {
            window.firstFrame =
              document.querySelector(`.grid-row[data-key="${wanted}"] ${selector}`)?.textContent ??
              "no row";
          });
        });
      },
      [key, cell, button.source] as const,
    );
  const settled = (page: Page) =>
    expect.poll(() => savingText(page), { timeout: 15_000 }).toContain("All changes saved");

  describe.each([
    ["with optimistic rows", ""],
    ["waiting for the server", "&wait"],
  ] as const)("%s", (_mode, query) => {
    const isOptimistic = query === "";
    let page: Page;
    beforeAll(async () => {
      page = await openAll("Ana", { through: proxy.url, query });
    });
    afterAll(closePages);

    it.each(DELAYS)(
      "a write by an endpoint never shows an older value, with the answer %i ms late and the stream %i ms",
      async (answerMs, streamMs) => {
        const key = await pendingKey(page);
        await row(page, key).click();
        await page.getByRole("button", { name: /Flag/ }).waitFor();
        Object.assign(proxy, { answerMs, streamMs });
        await record(page, key, ".c-who");
        await press(page, key, ".c-who", /^(⚑ )?Flag/);
        if (!isOptimistic && answerMs > 0)
          await expect.poll(() => row(page, key).getAttribute("data-pending")).toBe("true");
        await expect
          .poll(() => row(page, key).locator(".flag").count(), { timeout: 10_000 })
          .toBe(1);
        await settled(page);
        expect(await seen(page)).toEqual(["", "⚑"]);
        if (isOptimistic) expect(await page.evaluate(() => window.firstFrame)).toBe("⚑");
        // The edit is undone, so that the next test finds the row unchanged.
        await press(page, key, ".c-who", /Flag/);
        await expect
          .poll(() => row(page, key).locator(".flag").count(), { timeout: 10_000 })
          .toBe(0);
        await settled(page);
        expect(await seen(page)).toEqual(["", "⚑", ""]);
      },
    );

    it.each([
      [0, 0],
      [1_200, 0],
      [0, 1_200],
      [800, 1_200],
    ] as const)(
      "a mutation never shows an older value, with %i ms of delay up and %i ms down",
      async (upMs, streamMs) => {
        const key = await pendingKey(page);
        await row(page, key).click();
        await page.getByRole("button", { name: /Accept/ }).waitFor();
        Object.assign(proxy, { upMs, streamMs });
        await record(page, key, ".c-status");
        await press(page, key, ".c-status", /^Accept/);
        await expect
          .poll(() => row(page, key).locator(".c-status").innerText(), { timeout: 10_000 })
          .toContain("accepted");
        await settled(page);
        expect(await seen(page)).toEqual(["· to review", "✓ accepted"]);
        if (isOptimistic) expect(await page.evaluate(() => window.firstFrame)).toBe("✓ accepted");
      },
    );
  });

  describe("with several pages", () => {
    afterEach(closePages);

    it("shows others' changes, to the same row and to other rows, while a write waits for its answer", async () => {
      const [page, other] = [await openAll("Ana", { through: proxy.url }), await openAll("Rita")];
      const [mine, theirs] = [await pendingKey(page, 0), await pendingKey(page, 1)];
      await row(page, mine).click();
      await page.getByRole("button", { name: /Flag/ }).waitFor();
      proxy.answerMs = 8_000;
      await record(page, mine, ".c-status");
      await press(page, mine, ".c-who", /Flag/);
      await expect.poll(() => row(page, mine).locator(".flag").count()).toBe(1);
      for (const key of [mine, theirs]) {
        await row(other, key).click();
        await other.getByRole("button", { name: /^Reject/ }).click();
      }
      for (const key of [mine, theirs])
        await expect
          .poll(() => row(page, key).locator(".c-status").innerText(), { timeout: 3_000 })
          .toContain("rejected");
      // The answer has not come yet.
      expect(await row(page, mine).getAttribute("data-pending")).toBe("true");
      expect(await seen(page)).toEqual(["· to review", "✕ rejected"]);
      await settled(page);
      expect(await row(page, mine).locator(".flag").count()).toBe(1);
    });

    it("shows each user the other's edits, and which row the other has open", async () => {
      const [ana, rita] = [await open("Ana"), await open("Rita")];
      const key = await pendingKey(ana);
      await row(ana, key).click();
      await expect.poll(() => row(rita, key).locator(".chip").innerText()).toBe("An");
      const before = await rita.locator('.project[aria-current="page"] .pending').innerText();
      await ana.keyboard.press("a");
      // The row has left both worklists, and the counts agree.
      await expect.poll(() => row(rita, key).count()).toBe(0);
      await expect.poll(() => row(ana, key).count()).toBe(0);
      const after = Number(before.replaceAll(",", "")) - 1;
      for (const page of [ana, rita])
        await expect
          .poll(() => page.locator('.project[aria-current="page"] .pending').innerText())
          .toBe(after.toLocaleString("en-US"));
    });

    it("undoes with a key, and explains why it cannot undo an edit that another user has changed since", async () => {
      const [ana, rita] = [await openAll("Ana"), await openAll("Rita")];
      const key = await pendingKey(ana);
      await row(ana, key).click();
      await ana.getByRole("button", { name: /Accept/ }).waitFor();
      await ana.getByRole("button", { name: /^Accept/ }).click();
      await settled(ana);
      await ana.keyboard.press("u");
      await expect
        .poll(() => row(ana, key).locator(".c-status").innerText())
        .toContain("to review");
      await settled(ana);
      expect(await ana.locator(".toast").count()).toBe(0);

      // Rita's edit must be on its way when Ana undoes hers.
      const slow = await openAll("Diogo", { through: proxy.url });
      await row(slow, key).click();
      await slow.getByRole("button", { name: /^Accept/ }).click();
      await settled(slow);
      proxy.streamMs = 2_500;
      await row(rita, key).click();
      await rita.getByRole("button", { name: /^Reject/ }).click();
      await settled(rita);
      await slow.keyboard.press("u");
      await expect
        .poll(() => slow.locator(".toast").innerText(), { timeout: 10_000 })
        .toContain("Rita has changed");
      await expect
        .poll(() => row(slow, key).locator(".c-status").innerText(), { timeout: 10_000 })
        .toContain("rejected");
    });

    it("keeps the typed text, and says that another user has changed the value in the meantime", async () => {
      const [ana, rita] = [await openAll("Ana"), await openAll("Rita")];
      const key = await pendingKey(ana);
      for (const page of [ana, rita]) await row(page, key).click();
      await ana.keyboard.press("e");
      await ana.keyboard.type("mine");
      await rita.keyboard.press("e");
      await rita.keyboard.type("theirs");
      await rita.keyboard.press("Enter");
      await expect
        .poll(() => ana.locator(".value .note").innerText())
        .toContain("Rita has changed this value to “theirs”");
      expect(await ana.locator("#value").inputValue()).toBe("mine");
      // Enter says again what has changed; a second Enter is the choice.
      await ana.keyboard.press("Enter");
      expect(await ana.locator(".value .note").innerText()).toContain("Not saved");
      await ana.keyboard.press("Enter");
      await expect.poll(() => row(rita, key).locator(".c-value").innerText()).toBe("mine");
      // The server refuses the edit, with a message, and the row shows its former value.
      await ana.keyboard.press("e");
      await ana.keyboard.type("  ");
      await ana.keyboard.press("Enter");
      await expect.poll(() => ana.locator(".toast").innerText()).toContain("can't be empty");
      await expect.poll(() => row(ana, key).locator(".c-value").innerText()).toBe("mine");
    });

    it("streams the results of a job, under the key that the page has chosen", async () => {
      const page = await open("Ana");
      const before = Number((await page.locator(".title .count").innerText()).replaceAll(",", ""));
      await page.getByRole("button", { name: "Start extraction" }).click();
      const job = page.locator(".job").first();
      await expect.poll(() => job.innerText()).toMatch(/upload-\w{4}\.zip/);
      await expect.poll(() => job.innerText(), { timeout: 15_000 }).toMatch(/(?<!of )12 documents/);
      expect(await page.locator(".job").filter({ hasText: "upload-" }).count()).toBe(1);
      await expect
        .poll(async () =>
          Number((await page.locator(".title .count").innerText()).replaceAll(",", "")),
        )
        .toBe(before + 96);
    });

    it("shows frames, subscriptions and pending writes in the devtools", async () => {
      const page = await open("Ana", { query: "&devtools" });
      await page.getByRole("button", { name: "Open Tidemark devtools" }).click();
      const panel = page.getByRole("region", { name: "Tidemark devtools" });
      await expect.poll(() => panel.locator("tbody tr").count()).toBeGreaterThan(4);
      await panel.getByRole("tab", { name: "Frames" }).click();
      await page.locator(".grid-row[data-key]").nth(4).click();
      await panel.getByRole("searchbox").fill("MUTATE");
      await expect.poll(() => panel.locator("ol li").count()).toBeGreaterThan(0);
      const texts = await panel.locator("ol li").allInnerTexts();
      expect(texts.every((text) => text.includes("MUTATE"))).toBe(true);
      await panel.getByRole("searchbox").fill("auth");
      expect(
        (await panel.locator("ol li").allInnerTexts()).every((text) => !text.includes("Ana")),
      ).toBe(true);
      await panel.getByRole("button", { name: "Close" }).click();
      expect(await panel.count()).toBe(0);
    });
  });
});
