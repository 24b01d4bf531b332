/**
 * Nothing on the explorer's screen lies: filters that are not applied, a server that is frozen or
 * gone, ages, rates, and colours that can be read. One server, one browser.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contrastFaults } from "./support/contrast.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const program = fileURLToPath(new URL("./support/shop-server.ts", import.meta.url));
describe.skipIf(process.platform === "win32")("the explorer's screen", () => {
  let browser: Browser;
  let server: ChildProcess;
  let port = 0;
  let page: Page;

  const startServer = async (): Promise<void> => {
    server = fork(program, [assets, String(port)], { execArgv: ["--import", "tsx"] });
    [port] = (await once(server, "message")) as [number];
  };
  const hasEnded = (): boolean => server.exitCode !== null || server.signalCode !== null;
  const kill = async (): Promise<void> => {
    if (hasEnded()) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  const open = async (hash: string): Promise<void> => {
    await page.goto(`http://localhost:${port}/${hash}`);
    await page.locator(".grid-row[data-key]").first().waitFor();
    await expect.poll(() => page.locator(".title .badge").innerText()).toBe("live");
  };
  const text = (selector: string): Promise<string> =>
    page
      .locator(selector)
      .innerText()
      .then((found) => found.replace(/\s+/g, " ").trim());

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    browser = await launchChromium();
    await startServer();
  });
  afterAll(async () => {
    await browser.close();
    await kill();
  });
  beforeEach(async () => {
    await page?.context().close();
    if (hasEnded()) await startServer();
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  });

  it("shows what is wrong with a filter under its input, and that it is not applied", async () => {
    await open("#/orders?sort=id");
    const errorBelow = async (column: string): Promise<string> => {
      const input = page.locator(`[data-filter="${column}"]`);
      const alert = page.locator(`[id="filter-error-${column}"][role=alert]`);
      await alert.waitFor();
      const [above, below] = [await input.boundingBox(), await alert.boundingBox()];
      expect((below?.y ?? 0) - (above?.y ?? 0) - (above?.height ?? 0)).toBeLessThan(8);
      expect(Math.abs((below?.x ?? 0) - (above?.x ?? 0))).toBeLessThan(200);
      expect(await input.getAttribute("aria-invalid")).toBe("true");
      return alert.innerText();
    };
    const rows = () => page.locator(".grid-row[data-key]").count();
    const all = await rows();
    await page.locator('[data-filter="total"]').fill("cheap");
    expect(await errorBelow("total")).toContain("Type a value like 42");
    expect(await text(".title .not-applied")).toBe("filter not applied");
    expect(await text(".title .count")).toBe("40 rows");
    await page.locator('[data-filter="total"]').fill("");
    // The server alone can say that a regex is not valid.
    await page.locator('[data-filter="name"]').fill("/(?=5)/");
    expect(await errorBelow("name")).toContain("Bad regex");
    await expect.poll(rows).toBe(all);
    expect(await text(".title .not-applied")).toBe("filter not applied");
    // Another filter counts all the same.
    await page.locator('[data-filter="id"]').fill("<3");
    await expect.poll(rows).toBe(2);
    expect(await text(".title .count")).toBe("2 of 40 rows");
    await page.locator('[data-filter="id"]').fill("");
    await page.locator('[data-filter="name"]').fill("");
    await page.locator('[data-filter="weight"]').fill(">5");
    expect(await errorBelow("weight")).toContain("holds text");
    await page.locator('[data-filter="weight"]').fill("");
    await expect.poll(() => page.locator("[role=alert], .not-applied").count()).toBe(0);
  });

  it("tells a frozen server in title and strip at the same moment", async () => {
    await open("#/orders");
    await page.evaluate(() => {
      const seen: string[] = [];
      const look = (): void => {
        const of = (selector: string): string =>
          /No response from the server for \d+ s/i
            .exec(document.querySelector(selector)?.textContent ?? "")?.[0]
            .toLowerCase() ?? "";
        const now = JSON.stringify([of(".title"), of(".strip")]);
        if (seen.at(-1) !== now) seen.push(now);
        requestAnimationFrame(look);
      };
      look();
      Object.assign(globalThis, { seen });
    });
    server.kill("SIGSTOP");
    try {
      await expect
        .poll(() => text(".strip"), { timeout: 10_000 })
        .toMatch(/No response from the server for [3-6] s/);
      expect(await text(".title .badge")).toMatch(/^stale no response from the server for \d s$/);
      expect(await text(".strip")).not.toMatch(/p50|rows\/s/);
    } finally {
      server.kill("SIGCONT");
    }
    await expect.poll(() => text(".title .badge"), { timeout: 10_000 }).toBe("live");
    await expect.poll(() => text(".strip")).toMatch(/^live/);
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
    for (const pair of seen) {
      const [title, strip] = JSON.parse(pair) as [string, string];
      expect(title).toBe(strip);
    }
    expect(seen.length).toBeGreaterThan(2);
  });

  it("tells a server that is gone, and is live again within 2 s of its return", async () => {
    await open("#/orders");
    const strip = await page.locator(".strip .item").first().boundingBox();
    await kill();
    await expect.poll(() => text(".title .badge")).toMatch(/^disconnected as of (now|\d+ s ago)$/);
    expect(await text(".counts-note")).toMatch(/^disconnected counts as of/);
    expect(await text(".strip")).toMatch(/^disconnected as of .* seq .* Try now/);
    expect(await text(".strip")).not.toMatch(/p50|p99|rows\/s|bytes/);
    expect(await page.locator(".strip .item").first().boundingBox()).toEqual(strip);
    const style = (selector: string, property: string): Promise<string> =>
      page
        .locator(selector)
        .first()
        .evaluate((found, name) => getComputedStyle(found).getPropertyValue(name), property);
    expect(await style(".channels .rate", "visibility")).toBe("hidden");
    expect(await style(".channels .rows", "color")).toBe(await style(".strip dt", "color"));
    expect(await style(".title .count", "color")).toBe(await style(".strip dt", "color"));
    // A countdown, and one state for all attempts.
    const texts = new Set<string>();
    await expect
      .poll(
        async () => {
          texts.add(await text(".strip .next"));
          expect(await text(".strip .link")).toBe("disconnected");
          return texts.has("Next attempt in 1 s") && texts.has("Next attempt in 2 s");
        },
        { interval: 20 },
      )
      .toBe(true);
    for (const each of texts) expect(each).toMatch(/^(Connecting|Next attempt in [12] s)$/);
    // Another table, whose rows were never loaded.
    await page.getByRole("button", { name: /couriers/ }).click();
    await expect.poll(() => text(".state h2")).toMatch(/^Disconnected, as of/);
    expect(await page.locator(".skeleton").count()).toBe(0);
    expect(await text(".title .badge")).toMatch(/^disconnected as of/);
    await startServer();
    const backMs = Date.now();
    await expect.poll(() => text(".title .badge"), { interval: 20 }).toBe("live");
    expect(Date.now() - backMs).toBeLessThan(2_000);
    await expect.poll(() => text(".grid-row[data-key]")).toContain("Ana");
  });

  it("counts down to a later attempt that a proxy asks for, and tries at once when told to", async () => {
    await open("#/orders");
    await page.route("**/v2/changes*", (route) =>
      route.fulfill({ status: 503, headers: { "retry-after": "60" }, body: "" }),
    );
    await kill();
    await expect
      .poll(() => text(".strip"), { timeout: 15_000 })
      .toMatch(/The server is unavailable Next attempt in (\d{2}|1[0-2]\d) s Try now/);
    await page.unroute("**/v2/changes*");
    await startServer();
    expect(await text(".strip .next")).toMatch(/\d{2} s/);
    await page.getByRole("button", { name: "Try now" }).click();
    await expect.poll(() => text(".title .badge"), { timeout: 2_000 }).toBe("live");
  });

  it("counts no first load as a rate, and shows a p99 only of enough samples", async () => {
    await open("#/orders");
    const rates: string[] = [];
    const look = async (): Promise<boolean> => {
      const strip = await text(".strip");
      rates.push(/rows\/s ([\d.,]+)/.exec(strip)?.[1] ?? "");
      expect(strip).toMatch(/p99 – samples \d+ /);
      return rates.length > 12;
    };
    await expect.poll(look, { interval: 150 }).toBe(true);
    // Less than the 40 rows of the first load: the list of channels may have changed meanwhile.
    expect(Math.max(...rates.map(Number))).toBeLessThan(10);
  });

  it("tells ages by the server's clock, and never those of the future", async () => {
    await open("#/orders?sort=id");
    const ages = new Set<string>();
    let sent = 0;
    await expect
      .poll(
        async () => {
          server.send(1 + (sent++ % 3));
          for (const cell of await page.locator(".grid-row .cell:nth-child(6)").allInnerTexts())
            ages.add(cell);
          return sent;
        },
        { interval: 60, timeout: 20_000 },
      )
      .toBeGreaterThan(40);
    expect(ages).toContain("now");
    expect([...ages].filter((age) => !/^(now|\d+ (s|min) ago)$/.test(age))).toEqual([]);
  });

  it.each(["light", "dark"] as const)(
    "can be read in %s: AA for text and inputs",
    async (theme) => {
      await page.emulateMedia({ colorScheme: theme });
      await open("#/orders?sort=id&row=2");
      await page.locator('[data-filter="total"]').fill("cheap");
      await page.locator(".grid-head [role=alert]").waitFor();
      await page.locator(".detail dd").first().waitFor();
      expect(await contrastFaults(page)).toEqual([]);
      server.kill("SIGSTOP");
      try {
        await expect
          .poll(() => text(".title .badge"), { timeout: 10_000 })
          .toContain("no response");
        expect(await contrastFaults(page)).toEqual([]);
      } finally {
        server.kill("SIGCONT");
      }
    },
  );
});
