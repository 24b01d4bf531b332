/**
 * The first ten minutes, in Chromium: the README's "In your code" as it is written, with the page
 * served by Vite on another port; and a project of `npm create tidemark`.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import react from "@vitejs/plugin-react";
import type { Browser, Page } from "playwright-core";
import { createServer } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTidemark } from "../src/index.ts";
import { freePort } from "./support/free-port.ts";
import { installPackedPackage } from "./support/packed-package.ts";
import { silent } from "./support/silent.ts";
import { root, snippetsOf } from "./support/snippets.ts";
import { launchChromium } from "./support/launch-chromium.ts";

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
let packed = "";
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  packed = mkdtempSync(join(tmpdir(), "tidemark-packed-"));
  installPackedPackage(packed);
  browser = await launchChromium();
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(async () => {
  await browser.close();
  rmSync(packed, { recursive: true, force: true });
});

/** A folder of its own with the packed package, and these packages of this repository. */
function projectWith(names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-project-"));
  stops.push(() => rmSync(folder, { recursive: true, force: true }));
  install(folder, names);
  return folder;
}

function install(folder: string, names: readonly string[]): void {
  const installed = join(folder, "node_modules/tidemark");
  cpSync(join(packed, "node_modules/tidemark"), installed, { recursive: true });
  link(Object.keys((manifestOf(installed) as Manifest).dependencies), installed);
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

describe("the README's “In your code”", () => {
  it("shows its rows on a page of another port, and says why when they can't come", async () => {
    const folder = projectWith(["react", "react-dom", "zod", "tsx", "@types/react"]);
    const port = await freePort();
    for (const [name, text] of snippetsOf("README.md"))
      writeFileSync(join(folder, name), text.replaceAll("8080", String(port)));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(folder, "index.html"),
      `<!doctype html><link rel="icon" href="data:,"><div id="root"></div>
       <script type="module" src="/main.tsx"></script>`,
    );
    writeFileSync(
      join(folder, "main.tsx"),
      `import { createRoot } from "react-dom/client";
       import { App } from "./app.tsx";
       createRoot(document.getElementById("root")!).render(<App />);`,
    );
    const stopServer = await run(
      process.execPath,
      ["--import", "tsx", "server.ts"],
      { cwd: folder },
      answers(`http://localhost:${port}/readyz`),
    );
    const vite = await createServer({
      root: folder,
      configFile: false,
      logLevel: "silent",
      plugins: [react()],
      server: { port: 0, host: "127.0.0.1" },
    });
    stops.push(() => vite.close());
    await vite.listen();
    const [address = ""] = vite.resolvedUrls?.local ?? [];
    const { origin } = new URL(address);
    const first = await open(origin);
    await expect.poll(textOf(first.page), { timeout: 30_000 }).toContain("64000");
    expect(await textOf(first.page)()).toMatch(/live/);
    expect(first.page.workers()).toHaveLength(1);
    expect(first.said).toEqual([]);
    await first.page.close();

    // The same page, when people have to sign in, so that origins must be named.
    await stopServer();
    const strict = createTidemark({ authenticate: () => ({ id: "ana" }), logger: silent });
    stops.push(() => strict.stop());
    await strict.listen({ port });
    const second = await open(origin);
    await expect
      .poll(() => second.said.join("\n"), { timeout: 30_000 })
      .toContain(`FORBIDDEN_ORIGIN: Pages from ${origin} may not connect. Allow them with`);
    await expect.poll(textOf(second.page)).toContain(`Pages from ${origin} may not connect`);
    // There is no time that the rows are as of.
    expect(await second.page.content()).not.toMatch(/as of|12:00/);
  });
});

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
