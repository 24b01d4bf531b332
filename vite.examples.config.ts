import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig, type UserConfig } from "vite";
import heatmap from "./examples/heatmap/vite.config.ts";
import mempool from "./examples/mempool/vite.config.ts";
import review from "./examples/review/vite.config.ts";
import trading from "./examples/trading/vite.config.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const EXAMPLES: Readonly<Record<string, UserConfig>> = { heatmap, mempool, review, trading };

/**
 * Builds the page of one example for `npm start`: `vite build --mode trading`. Its imports of the
 * package lead to the source.
 */
export default defineConfig(({ mode }) =>
  mergeConfig(EXAMPLES[mode] ?? {}, {
    root: path(`./examples/${mode}/page`),
    resolve: {
      alias: {
        "tidemark/heatmap/script": path("./dist/heatmap/heatmap.iife.js"),
        "tidemark/client": path("./src/client/index.ts"),
        "tidemark/tanstack-query": path("./src/react/tanstack-query.ts"),
        "tidemark/react": path("./src/react/index.ts"),
      },
    },
    build: { outDir: path(`./dist-examples/${mode}/page`) },
  }),
);
