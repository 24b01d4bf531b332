import { defineConfig } from "vite";

/**
 * Builds `tidemark/heatmap` as one file for pages without a build step: `--mode es` as a module,
 * `--mode iife` as a script that gives the page `HeatmapWebSocket`.
 */
export default defineConfig(({ mode }) => ({
  build: {
    outDir: "dist/heatmap",
    // The declarations are there already.
    emptyOutDir: false,
    target: "es2022",
    minify: true,
    lib: {
      entry: mode === "iife" ? "src/heatmap/script.ts" : "src/heatmap/index.ts",
      formats: [mode === "iife" ? "iife" : "es"],
      name: "TidemarkHeatmap",
      fileName: () => (mode === "iife" ? "heatmap.iife.js" : "heatmap.js"),
    },
  },
}));
