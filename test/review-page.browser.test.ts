/**
 * The review dashboard by keyboard, by address, on a phone and without a connection, in Chromium.
 * How writes and the stream meet is in review.browser.test.ts.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { contrastFaults } from "./support/contrast.ts";
import { startDelayProxy, type DelayProxy } from "./support/delay-proxy.ts";
import { openReview, pendingKey, rowOf, savingText } from "./support/review-browser.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { startReview, type ReviewServer } from "./support/review-server.ts";
import { StreamFrames } from "./support/stream-frames.ts";

const ALL = "&status=all";

/** Texts of the page's first version, which used words that nobody else uses. */
const FORMER_WORDS = [
  /\bsure\b/,
  /Nothing chosen/,
  /Start one/,
  /\d read\b/,
  /also here/,
  /for keys/,
];

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
afterEach(async () => {
  Object.assign(proxy, { answerMs: 0, streamMs: 0, upMs: 0, onStream: () => {} });
  proxy.cut(false);
  await Promise.all(browser.contexts().map((context) => context.close()));
});

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement: element } = document;
    return element?.getAttribute("aria-label") ?? element?.id ?? "";
  });
const selectedKey = (page: Page): Promise<string | null> =>
  page.locator('.grid-row[aria-selected="true"]').getAttribute("data-key");
/** Whether the active cell lies wholly in the worklist, below its head. */
const isActiveInSight = (page: Page): Promise<boolean> =>
  page.evaluate(() => {
    const rect = (selector: string): DOMRect | undefined =>
      document.querySelector(selector)?.getBoundingClientRect();
    const [cell, grid, head] = [rect(".cell.active"), rect(".worklist"), rect(".grid-head")];
    return (
      cell !== undefined &&
      grid !== undefined &&
      head !== undefined &&
      cell.top >= head.bottom - 1 &&
      cell.bottom <= grid.bottom + 1 &&
      cell.left >= grid.left - 1 &&
      cell.right <= grid.right + 1
    );
  });

describe("the projects", () => {
  it("have as many results to review as the worklist, also after a decision", async () => {
    const page = await openReview(browser, server.url, "Ana");
    const listed = (): Promise<string> => page.locator(".count.number").innerText();
    const counted = (): Promise<string> => page.locator(".project .pending").first().innerText();
    const areEqual = async (): Promise<boolean> => (await counted()) === (await listed());
    await expect.poll(areEqual).toBe(true);
    const before = await counted();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("a");
    await expect.poll(counted).not.toBe(before);
    await expect.poll(areEqual).toBe(true);
  });
});

describe("the counts of the projects", () => {
  it("cost the page two rows when a status changes", async () => {
    const stream = new StreamFrames();
    proxy.onStream = (chunk) => stream.take(chunk);
    const page = await openReview(browser, proxy.url, "Ana");
    const counted = (): Promise<string> => page.locator(".project .pending").first().innerText();
    await page.keyboard.press("ArrowDown");
    const before = await counted();
    const from = stream.frames.length;
    await page.keyboard.press("a");
    await expect.poll(counted).not.toBe(before);
    // Digests, every 10 s, have no rows.
    const sent = stream.frames.slice(from).filter(({ type }) => type !== "DIGEST");
    const changes = sent.filter(({ channel }) => channel === "tallies");
    expect(changes).toMatchObject([{ type: "DELTA_BATCH", patch: { remove: [] } }]);
    const upserts = changes.flatMap(
      ({ patch }) => (patch as { readonly upsert: readonly { readonly status: string }[] }).upsert,
    );
    expect(upserts.map(({ status }) => status).sort()).toEqual(["accepted", "pending"]);
    expect(JSON.stringify(changes).length).toBeLessThan(500);
  });
});

describe("the keyboard", () => {
  it("keeps the active cell in sight, with its focus and its details, however far the arrows go", async () => {
    const page = await openReview(browser, server.url, "Ana", { query: ALL });
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("ArrowDown");
      if (presses % 20 === 19) await expect.poll(() => isActiveInSight(page)).toBe(true);
    }
    expect(await focused(page)).toBe("Worklist");
    expect(
      await page.locator(".cell.active").evaluate((cell) => getComputedStyle(cell).outlineWidth),
    ).toBe("2px");
    await expect
      .poll(async () => (await page.locator(".detail #value").inputValue()).trim())
      .toBe((await page.locator(".cell.active").innerText()).trim());
    for (let presses = 0; presses < 40; presses++) await page.keyboard.press("ArrowUp");
    await expect.poll(() => isActiveInSight(page)).toBe(true);
    for (const key of ["End", "PageUp", "Home", "PageDown"]) {
      await page.keyboard.press(key);
      await expect.poll(() => isActiveInSight(page), { message: key }).toBe(true);
    }
    await page.setViewportSize({ width: 560, height: 700 });
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft"]) {
      await page.keyboard.press(key);
      await expect.poll(() => isActiveInSight(page), { message: key }).toBe(true);
    }
  });

  it("presses the focused tab or button with Enter, and edits the value with Enter elsewhere", async () => {
    const page = await openReview(browser, server.url, "Ana");
    await page.keyboard.press("ArrowDown");
    const first = await selectedKey(page);
    await page.getByRole("tab", { name: "all" }).focus();
    await page.keyboard.press("Enter");
    await expect
      .poll(() => page.getByRole("tab", { name: "all" }).getAttribute("aria-selected"))
      .toBe("true");
    expect(await focused(page)).not.toBe("value");
    const flag = page.getByRole("button", { name: /Flag/ });
    await flag.focus();
    await page.keyboard.press("Enter");
    await expect
      .poll(() =>
        rowOf(page, first ?? "")
          .locator(".flag")
          .count(),
      )
      .toBe(1);
    await page.keyboard.press("Enter");
    await expect
      .poll(() =>
        rowOf(page, first ?? "")
          .locator(".flag")
          .count(),
      )
      .toBe(0);
    await page.getByRole("grid").focus();
    await page.keyboard.press("Enter");
    expect(await focused(page)).toBe("value");
  });

  it("clears or cancels with Esc before it leaves a field, and leaves to the worklist", async () => {
    const page = await openReview(browser, server.url, "Ana", { query: ALL });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("/");
    expect(await focused(page)).toBe("Find in values");
    await page.keyboard.type("2026-");
    await page.keyboard.press("Escape");
    expect(await page.locator("[data-find]").inputValue()).toBe("");
    expect(await focused(page)).toBe("Find in values");
    await page.keyboard.press("Escape");
    expect(await focused(page)).toBe("Worklist");

    await page.keyboard.press("e");
    const before = await page.locator("#value").inputValue();
    await page.keyboard.type("typed");
    await page.keyboard.press("Escape");
    expect(await page.locator("#value").inputValue()).toBe(before);
    expect(await focused(page)).toBe("value");
    await page.keyboard.press("Escape");
    expect(await focused(page)).toBe("Worklist");
    // What was typed stays with its row until it is saved or discarded.
    await page.keyboard.press("e");
    await page.keyboard.type("kept");
    await page.locator(".grid-row[data-key]").nth(3).click();
    await page.locator(".grid-row[data-key]").nth(0).click();
    expect(await page.locator("#value").inputValue()).toBe("kept");
    await page.getByRole("button", { name: "Discard" }).click();
    expect(await page.locator("#value").inputValue()).toBe(before);
  });

  it("copies the cell, with Shift the row; `?` opens the shortcuts, by key and by click", async () => {
    const page = await openReview(browser, server.url, "Ana", {
      query: ALL,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
    await page.keyboard.press("ArrowDown");
    const value = await page.locator(".cell.active").innerText();
    await page.keyboard.press("Control+c");
    await expect.poll(copied).toBe(value);
    await page.keyboard.press("Control+Shift+c");
    await expect.poll(copied).toContain("document\tfield\tvalue\tconfidence\tstatus\n");
    expect((await copied()).split("\n")[1]?.split("\t")[2]).toBe(value);

    const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await page.getByRole("button", { name: /Keyboard shortcuts/ }).click();
    expect(await list.count()).toBe(1);
    await page.keyboard.press("Escape");
    expect(await list.count()).toBe(0);
    await page.keyboard.press("?");
    expect(await list.count()).toBe(1);
  });
});

describe("two people on one result", () => {
  it("announces a change of status under an open edit, and lets the user choose", async () => {
    const [ana, rita] = [
      await openReview(browser, server.url, "Ana", { query: ALL }),
      await openReview(browser, server.url, "Rita", { query: ALL }),
    ];
    const key = await pendingKey(ana);
    for (const page of [ana, rita]) await rowOf(page, key).click();
    await ana.keyboard.press("e");
    await ana.keyboard.type("mine");
    const height = await ana.locator(".value").evaluate((element) => element.clientHeight);
    await rita.keyboard.press("x");
    await expect
      .poll(() => ana.locator(".value .note").innerText())
      .toContain("Rita has changed the status to “rejected”");
    // The note takes a place that was reserved.
    expect(await ana.locator(".value").evaluate((element) => element.clientHeight)).toBe(height);
    await ana.keyboard.press("Enter");
    expect(await ana.locator(".value .note").innerText()).toContain("Not saved");
    await ana.getByRole("button", { name: "Keep theirs" }).click();
    await expect.poll(() => rowOf(ana, key).locator(".c-status").innerText()).toContain("rejected");
    expect(await rowOf(ana, key).locator(".c-value").innerText()).not.toBe("mine");
  });

  it("refuses an edit of a row that has changed, with the other's value and a choice", async () => {
    const [ana, rita] = [
      await openReview(browser, proxy.url, "Ana", { query: ALL }),
      await openReview(browser, server.url, "Rita", { query: ALL }),
    ];
    const key = await pendingKey(ana, 1);
    for (const page of [ana, rita]) await rowOf(page, key).click();
    proxy.streamMs = 1_500;
    await rita.keyboard.press("e");
    await rita.keyboard.type("theirs");
    await rita.keyboard.press("Enter");
    await expect.poll(() => savingText(rita)).toContain("All changes saved");
    await ana.keyboard.press("e");
    await ana.keyboard.type("mine");
    await ana.keyboard.press("Enter");
    const toast = ana.locator(".toast");
    await expect.poll(() => toast.innerText()).toContain("Not saved: Rita has changed");
    expect(await toast.innerText()).toContain("“theirs”");
    expect(await toast.innerText()).toContain("Your value: “mine”");
    await expect.poll(() => rowOf(rita, key).locator(".c-value").innerText()).toBe("theirs");
    await toast.getByRole("button", { name: "Save mine" }).click();
    await expect.poll(() => rowOf(rita, key).locator(".c-value").innerText()).toBe("mine");
  });

  it("returns to the row and cell that undo changes, also when the list shows others", async () => {
    const page = await openReview(browser, server.url, "Ana", { query: "&project=1" });
    await page.locator(".grid-row[data-key]").nth(2).click();
    const key = await selectedKey(page);
    await page.keyboard.press("a");
    await expect.poll(() => savingText(page)).toContain("All changes saved");
    await page.keyboard.press("]");
    await expect.poll(() => rowOf(page, key ?? "").count()).toBe(0);
    await page.keyboard.press("End");
    await page.keyboard.press("u");
    await expect.poll(() => selectedKey(page)).toBe(key);
    await expect.poll(() => isActiveInSight(page)).toBe(true);
    expect(await page.locator(".cell.active").innerText()).toContain("to review");
  });

  it("opens the same page as a second person", async () => {
    const page = await openReview(browser, server.url, "Ana", { query: "&project=2&status=all" });
    // Tabs of earlier tests that could not say goodbye are listed until they expire.
    const others = page.locator(".others");
    expect(await others.innerText()).not.toContain("Bruno");
    const popup = page.context().waitForEvent("page");
    await page.getByRole("link", { name: "Open as a second person" }).click();
    const second = await popup;
    await second.locator(".grid-row[data-key]").first().waitFor();
    expect(await second.locator(".who strong").innerText()).toBe("Bruno");
    expect(second.url()).toContain("project=2");
    expect(second.url()).not.toContain("as=");
    await expect.poll(() => others.innerText()).toMatch(/^Also online: (\w+, )*Bruno(, \w+)*$/m);
  });
});

describe("the page", () => {
  it("shows changes that could not be sent, asks before the tab is closed, and sends them later", async () => {
    const page = await openReview(browser, proxy.url, "Ana");
    const hasQuestion = (): Promise<boolean> =>
      page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
    await page.locator(".grid-row[data-key]").first().click();
    expect(await hasQuestion()).toBe(false);
    proxy.cut(true);
    await expect
      .poll(() => page.locator(".strip .badge").first().getAttribute("data-status"))
      .not.toBe("live");
    await page.keyboard.press("f");
    await page.keyboard.press("a");
    const bar = page.getByRole("region", { name: "Changes that are not saved" });
    await expect.poll(() => bar.locator("li").count()).toBe(2);
    expect(await bar.innerText()).toMatch(/2 changes not saved[^]*If you close this tab/);
    expect(await bar.locator("li").last().innerText()).toMatch(/Mark as accepted INV-\d+\.pdf/);
    await expect.poll(() => savingText(page)).toContain("2 changes not saved");
    await expect.poll(hasQuestion).toBe(true);
    proxy.cut(false);
    await expect.poll(() => savingText(page), { timeout: 30_000 }).toContain("All changes saved");
    await expect.poll(() => bar.count()).toBe(0);
    await expect.poll(hasQuestion).toBe(false);
    expect(await page.locator(".toast").count()).toBe(0);
  });

  it("keeps project, status, text and selection in its address, and goes back through them", async () => {
    const page = await openReview(browser, server.url, "Ana");
    await page.keyboard.press("]");
    await page.getByRole("tab", { name: "accepted" }).click();
    await page.keyboard.press("/");
    await page.keyboard.type("20");
    await page.locator(".grid-row[data-key]").nth(1).click();
    const key = await selectedKey(page);
    await expect
      .poll(() => new URL(page.url()).search)
      .toBe(`?project=1&status=accepted&find=20&result=${key}`);
    const link = await openReview(browser, page.url().replace(/\/\?.*/, ""), "Rita", {
      query: new URL(page.url()).search.replace("?", "&"),
    });
    await expect.poll(() => selectedKey(link)).toBe(key);
    expect(await link.locator("[data-find]").inputValue()).toBe("20");
    await expect.poll(() => isActiveInSight(link)).toBe(true);

    await page.goBack();
    await expect.poll(() => page.locator("[data-find]").inputValue()).toBe("");
    await page.goBack();
    await expect
      .poll(() => page.getByRole("tab", { name: "to review" }).getAttribute("aria-selected"))
      .toBe("true");
    await page.goBack();
    await expect
      .poll(() => page.locator('.project[aria-current="page"] .name').innerText())
      .toBe("All projects");
  });

  it("shows reviewed results newest first, in the words of the field", async () => {
    const page = await openReview(browser, server.url, "Ana");
    const text = await page.locator("body").innerText();
    await page.locator(".grid-row[data-key]").nth(4).click();
    const keys: (string | null)[] = [];
    for (let count = 0; count < 2; count++) {
      keys.unshift(await selectedKey(page));
      await page.keyboard.press("a");
    }
    await page.getByRole("tab", { name: "accepted" }).click();
    for (const [place, key] of keys.entries())
      await expect
        .poll(() =>
          page.locator(`.grid-row[aria-rowindex="${place + 2}"]`).getAttribute("data-key"),
        )
        .toBe(key);
    const all = text + (await page.locator("body").innerText());
    expect(FORMER_WORDS.filter((word) => word.test(all))).toEqual([]);
    expect(all).toContain("No result selected");
    expect(all).toMatch(/\d documents/);
  });

  it("can be read in both themes: AA for texts and inputs", async () => {
    const page = await openReview(browser, server.url, "Ana");
    await page.locator(".grid-row[data-key]").nth(1).click();
    await page.locator(".detail h2").waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await contrastFaults(page)).toEqual([]);
    }
  });

  it("has the extraction jobs on a phone", async () => {
    const page = await openReview(browser, server.url, "Ana", {
      viewport: { width: 390, height: 844 },
    });
    const jobs = page.getByRole("region", { name: "Extraction jobs" });
    expect(await jobs.isVisible()).toBe(false);
    await page.getByRole("button", { name: "Jobs" }).click();
    expect(await jobs.isVisible()).toBe(true);
    await jobs.getByRole("button", { name: "Start extraction" }).click();
    await expect.poll(() => jobs.locator(".job").first().innerText()).toMatch(/upload-\w{4}\.zip/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(
      true,
    );
  });
});
