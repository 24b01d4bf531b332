/** A project of `npm create tidemark`: it compiles, builds, and shows its page in Chromium. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { installPackedPackage } from "./support/packed-package.ts";
import { root } from "./support/snippets.ts";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Links packages of this repository into a folder, instead of installing them. */
function link(names: readonly string[], folder: string): void {
  for (const name of names) {
    const place = join(folder, "node_modules", name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, "node_modules", name), place);
  }
}

let browser: Browser;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(() => browser.close());

function install(folder: string, names: readonly string[]): void {
  const installed = installPackedPackage(folder);
  link(Object.keys(manifestOf(installed).dependencies), installed);
  link(names, folder);
}

/** Starts a program, and waits until `isUp`. */
async function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
  isUp: () => Promise<boolean>,
): Promise<() => Promise<void>> {
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => (output += String(chunk)));
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // The whole group: `npm start` starts the program as its child.
    process.kill(-child.pid, "SIGKILL");
    await ended;
  };
  stops.push(stop);
  await expect
    .poll(async () => ((await isUp().catch(() => false)) ? "up" : output), { timeout: 30_000 })
    .toBe("up");
  return stop;
}

const answers = (url: string) => async (): Promise<boolean> => (await fetch(url)).ok;

async function open(url: string): Promise<{ readonly page: Page; readonly said: string[] }> {
  const page = await browser.newPage();
  stops.push(() => page.close());
  const said: string[] = [];
  page.on("console", (message) => {
    if (!/^\[vite\]|React DevTools/.test(message.text())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(url);
  return { page, said };
}

const textOf = (page: Page) => () => page.innerText("body");

describe("npm create tidemark", () => {
  it("makes a project that compiles, builds, and starts with one command", async () => {
    const parent = mkdtempSync(join(tmpdir(), "tidemark-create-"));
    stops.push(() => rmSync(parent, { recursive: true, force: true }));
    const initializer = join(root, "create-tidemark/index.mjs");
    execFileSync(process.execPath, [initializer, "my-app"], { cwd: parent, stdio: "pipe" });
    const folder = join(parent, "my-app");
    expect(() =>
      execFileSync(process.execPath, [initializer, "my-app"], { cwd: parent, stdio: "pipe" }),
    ).toThrow("is not empty");
    const { dependencies, devDependencies } = manifestOf(folder);
    install(
      folder,
      Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== "tidemark"),
    );
    const tool = (script: string, ...args: string[]): string =>
      execFileSync(process.execPath, [join(folder, "node_modules", script), ...args], {
        cwd: folder,
        encoding: "utf8",
      });
    // A project without `pg`: no address is a type error, and an address says what is missing.
    writeFileSync(
      join(folder, "postgres.ts"),
      `import { createTidemark } from "tidemark";
       import { postgres } from "tidemark/postgres";
       // @ts-expect-error a variable of the environment may be undefined
       export const source = (): unknown => postgres(process.env["DATABASE_URL"]);
       const tidemark = createTidemark({ sources: [postgres("postgres://me@localhost/shop")] });
       await tidemark.start().catch(({ code, message }) => console.log(code, message));`,
    );
    tool("typescript/bin/tsc");
    expect(tool("tsx/dist/cli.mjs", "postgres.ts")).toBe(
      "BAD_OPTION The postgres source needs the package pg: npm install pg.\n",
    );
    tool("vite/bin/vite.js", "build", "--logLevel", "error");

    const start = async (script: string) => {
      const port = await freePort();
      const url = `http://localhost:${port}`;
      const env = { PORT: String(port) };
      const stop = await run("npm", ["run", script], { cwd: folder, env }, answers(url));
      return { url, stop };
    };
    const { url, stop } = await start("start");
    const [one, two] = [await open(url), await open(url)];
    for (const { page } of [one, two])
      await expect.poll(textOf(page), { timeout: 30_000 }).toContain("Tick a task");
    await one.page.getByLabel("Tick a task").check();
    await one.page.getByLabel("New task").fill("Write it down");
    await one.page.getByRole("button", { name: "Add" }).click();
    await expect.poll(textOf(two.page)).toContain("Write it down");
    expect(await two.page.getByLabel("Tick a task").isChecked()).toBe(true);
    expect(two.page.workers()).toHaveLength(1);
    // Later these pages would complain that their server is gone.
    expect([...one.said, ...two.said]).toEqual([]);
    await Promise.all([one.page.close(), two.page.close()]);
    await stop();

    const built = await open((await start("serve")).url);
    await expect.poll(textOf(built.page), { timeout: 30_000 }).toContain("Tick a task");
    expect(built.said).toEqual([]);
  });
});
