import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

function entryPoint(path: string): string {
  return fileURLToPath(new URL(`src/${path}`, import.meta.url));
}

/** `npm test` runs all projects; `npx vitest --project unit` is the quick one. */
export default defineConfig({
  // What is written as a user writes it is tested against the source.
  resolve: {
    alias: [
      { find: /^tidemark$/, replacement: entryPoint("index.ts") },
      { find: /^tidemark\/client$/, replacement: entryPoint("client/node.ts") },
      { find: /^tidemark\/react$/, replacement: entryPoint("react/index.ts") },
      { find: /^tidemark\/postgres$/, replacement: entryPoint("sources/postgres/index.ts") },
    ],
  },
  test: {
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
          include: ["src/**/*.test.ts", "src/**/*.test.tsx", "test/**/*.test.ts"],
          exclude: [
            "**/*.pg.test.ts",
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
          include: ["sim/**/*.test.ts"],
          // Runs alone, because it uses all cores.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          sequence: { groupOrder: 3 },
          include: ["src/**/*.pg.test.ts", "test/**/*.pg.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Tests start their own servers on free ports, and mostly wait for them.
          maxWorkers: 3,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          sequence: { groupOrder: 2 },
          include: ["test/**/*.real.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Tests start their own servers on free ports, and mostly wait for them.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          sequence: { groupOrder: 4 },
          include: ["test/**/*.browser.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each test starts its own browser and servers.
          maxWorkers: 2,
        },
      },
    ],
  },
});
