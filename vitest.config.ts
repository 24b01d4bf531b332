import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LargestFirst } from "./test/support/largest-first.ts";

function entryPoint(path: string): string {
  return fileURLToPath(new URL(`src/${path}`, import.meta.url));
}

/**
 * Of projects whose tests start their own servers and browsers on free ports, and mostly wait for
 * them. Their files run side by side, so that a core that one leaves idle serves another.
 */
const AMID_WAITS = { sequence: { groupOrder: 1 }, maxWorkers: 4 };

/** `npm test` runs all projects; `npx vitest --project unit` is the quick one. */
export default defineConfig({
  // What is written as a user writes it is tested against the source.
  resolve: {
    alias: [
      { find: /^tidemark$/, replacement: entryPoint("index.ts") },
      { find: /^tidemark\/client$/, replacement: entryPoint("client/node.ts") },
      { find: /^tidemark\/react$/, replacement: entryPoint("react/index.ts") },
      { find: /^tidemark\/derived$/, replacement: entryPoint("derived/index.ts") },
      { find: /^tidemark\/duckdb$/, replacement: entryPoint("history/duckdb/index.ts") },
      { find: /^tidemark\/redis$/, replacement: entryPoint("sources/redis/index.ts") },
      { find: /^tidemark\/postgres$/, replacement: entryPoint("sources/postgres/index.ts") },
      { find: /^tidemark\/binance$/, replacement: entryPoint("sources/binance/index.ts") },
      { find: /^tidemark\/ethereum$/, replacement: entryPoint("sources/ethereum/index.ts") },
      { find: /^tidemark\/polled$/, replacement: entryPoint("sources/polled/index.ts") },
      { find: /^tidemark\/clickhouse$/, replacement: entryPoint("history/clickhouse/index.ts") },
    ],
  },
  test: {
    sequence: { sequencer: LargestFirst },
    globalSetup: ["test/support/shared-folder-setup.ts"],
    // Import CommonJS dependencies as Node does.
    deps: { interopDefault: false },
    // Long enough for a busy machine. A poll that succeeds ends early.
    expect: { poll: { timeout: 5_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // Only to end a test that hangs: a busy machine takes several times as long.
          testTimeout: 30_000,
          // Files share what they import: no module has state of its own, and loading the modules
          // anew for each file took a third of the time.
          isolate: false,
          // By default one core stays idle.
          maxWorkers: availableParallelism(),
          include: ["src/**/*.test.ts", "src/**/*.test.tsx", "test/**/*.test.ts"],
          exclude: [
            "**/*.pg.test.ts",
            "**/*.redis.test.ts",
            "**/*.browser.test.ts",
            "**/*.real.test.ts",
            "**/node_modules/**",
          ],
        },
      },
      {
        extends: true,
        test: {
          name: "simulator",
          // Its processes take the time that the others leave.
          ...AMID_WAITS,
          include: ["sim/**/*.test.ts"],
          testTimeout: 120_000,
          maxConcurrency: availableParallelism(),
        },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          ...AMID_WAITS,
          include: ["src/**/*.pg.test.ts", "test/**/*.pg.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          ...AMID_WAITS,
          include: ["test/**/*.real.test.ts", "src/**/*.redis.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          ...AMID_WAITS,
          include: ["test/**/*.browser.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
