/** The start page in Chromium, with servers that answer when the test lets them. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A program that asks the gate before it listens, and ends when the gate says so. */
const PROGRAM = `
import { createServer } from "node:http";
const answer = await (await fetch(process.env.GATE + process.env.PORT)).text();
if (answer === "end") process.exit(3);
createServer((_, response) => response.end("the dashboard on " + process.env.PORT)).listen(
  Number(process.env.PORT), "127.0.0.1",
  () => console.log("\\n  Some dashboard: http://127.0.0.1:" + process.env.PORT + "\\n"),
);
`;

describe("the start page", () => {
  /** The programs that wait at the gate, in the order in which they came. */
  const waiting: ServerResponse[] = [];
  let gate: Server;
  let folder = "";
  let child: ChildProcess;
  let browser: Browser;
  let page: Page;
  let url = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-start-test-"));
    const script = join(folder, "program.mjs");
    writeFileSync(script, PROGRAM);
    gate = createServer((_, response) => void waiting.push(response));
    await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve));
    const dashboards = [
      { name: "review", title: "Review", sentence: "Starts at once.", script },
      { name: "trading", title: "Trading", sentence: "Starts later.", script, whenOpened: true },
    ];
    const module = pathToFileURL(join(root, "scripts/dashboards.mjs")).href;
    const code = `(await import(${JSON.stringify(module)})).startDashboards(["demo"], ${JSON.stringify(dashboards)})`;
    const port = await freePort();
    url = `http://localhost:${port}`;
    child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        PORT: String(port),
        GATE: `http://127.0.0.1:${(gate.address() as AddressInfo).port}/`,
      },
    });
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    browser = await launchChromium();
    page = await browser.newPage();
    await page.goto(url);
  });
  afterAll(async () => {
    await browser.close();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    gate.closeAllConnections();
    gate.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const state = (name: string): Promise<string> =>
    page.locator(`[data-name="${name}"] .state`).innerText();
  const letOneIn = async (answer: "start" | "end"): Promise<void> => {
    await expect.poll(() => waiting.length).toBe(1);
    waiting.pop()?.end(answer);
  };

  it("starts a server with the page, or when its card is opened, and says which state it has", async () => {
    await expect.poll(() => state("review")).toBe("Starting…");
    expect(await state("trading")).toBe("Starts when you open it");
    await letOneIn("start");
    await expect.poll(() => state("review")).toMatch(/^127\.0\.0\.1:\d+$/);

    // One that ends before it listens says so, and can be opened again.
    await page.locator('[data-name="trading"]').click();
    await expect.poll(() => state("trading")).toBe("Starting…");
    await letOneIn("end");
    await expect.poll(() => state("trading")).toContain("It has ended");

    await page.locator('[data-name="trading"]').click();
    await expect.poll(() => state("trading")).toBe("Starting…");
    await letOneIn("start");
    await page.getByText("the dashboard on").waitFor();
    await page.goto(url);
    await expect.poll(() => state("trading")).toMatch(/^127\.0\.0\.1:\d+$/);
    // A server that runs is not started again.
    await page.locator('[data-name="trading"]').click();
    await page.getByText("the dashboard on").waitFor();
    expect(waiting).toEqual([]);
  });
});
