import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

function entryPoint(path: string): string {
  return fileURLToPath(new URL(`src/${path}`, import.meta.url));
}

/** `npm test` runs every project; `npx vitest --project unit` is the quick one. */
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
    // Read CommonJS dependencies as Node does.
    deps: { interopDefault: false },
    // A machine that is busy is no failure; what is waited for comes at once or not at all.
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
          // Alone: it uses all cores, and has a time to keep.
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
          // Each starts what it needs on ports and in folders of its own, and waits for it more than it works.
          maxWorkers: 2,
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
          // Each starts what it needs on ports and in folders of its own, and waits for it more than it works.
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
          // Each drives a browser and servers of its own.
          maxWorkers: 2,
        },
      },
    ],
  },
});
