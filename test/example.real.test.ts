/**
 * The examples outside of this repository: copied into an empty folder, with the packed
 * Tidemark and the packages that their package.json names, and nothing else.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../src/client/node.ts";
import { installPackedPackage } from "./support/packed-package.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Links packages of this repository into a folder, instead of installing them. */
function link(names: readonly string[], folder: string): void {
  for (const name of names) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
}

describe("the examples, copied into an empty folder", () => {
  let folder = "";
  let server: ChildProcess | undefined;
  const run = (script: string, ...args: readonly string[]): string =>
    execFileSync(process.execPath, [join(folder, "node_modules", script), ...args], {
      cwd: folder,
      encoding: "utf8",
    });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-example-"));
    cpSync(join(root, "examples"), folder, { recursive: true });
    const { dependencies, devDependencies } = manifestOf(folder);
    link(
      Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== "tidemark"),
      folder,
    );
    const installed = installPackedPackage(folder);
    link(Object.keys(manifestOf(installed).dependencies), installed);
  });
  afterAll(async () => {
    if (server !== undefined && server.exitCode === null) {
      const ended = new Promise((resolve) => server?.once("exit", resolve));
      server.kill("SIGKILL");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it("type-checks and builds, then serves a page and its rows from an embedded Postgres", async () => {
    run("typescript/bin/tsc");
    run("typescript/bin/tsc", "-p", "tsconfig.build.json");
    for (const example of ["review", "trading"]) {
      const config = join(folder, example, "vite.config.ts");
      run("vite/bin/vite.js", "build", "--config", config, "--logLevel", "error");
    }

    const { DATABASE_URL: _, ...env } = process.env;
    const started = spawn(process.execPath, ["dist/review/main.js"], {
      cwd: folder,
      env: { ...env, PORT: "0" },
    });
    server = started;
    let output = "";
    const url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        output += String(chunk);
        const found = /Review dashboard: (http:\S+)/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      };
      started.stdout.on("data", read);
      started.stderr.on("data", read);
      started.once("exit", (code) => reject(new Error(`it ended with ${code}: ${output}`)));
    });

    const page = await (await fetch(url)).text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1] ?? "";
    expect((await fetch(new URL(script, url))).status).toBe(200);

    const client = createClient({
      url: `${url.replace("http", "ws")}/v2/stream`,
      auth: { id: "ana", name: "Ana" },
    });
    try {
      const view = client.live({ channel: "projects" });
      const unsubscribe = view.subscribe(() => {});
      await expect
        .poll(() => view.getSnapshot().rows.length, { timeout: 20_000 })
        .toBeGreaterThan(0);
      unsubscribe();
    } finally {
      client.close();
    }
  });
});
