import react from "@vitejs/plugin-react";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** The scripts of the page that has no build step, by the names under which it loads them. */
const SCRIPTS = {
  "heatmap.iife.js": "tidemark/heatmap/script",
  "plotly.js": "plotly.js-cartesian-dist-min",
};

/** The dashboard's page, and beside it the plain page of `page/public` with its scripts. */
export default defineConfig({
  root: fileURLToPath(new URL("./page", import.meta.url)),
  plugins: [react(), plainScripts()],
  build: {
    outDir: "../../dist/heatmap/page",
    emptyOutDir: true,
    target: "es2022",
  },
});

function plainScripts(): Plugin {
  return {
    name: "plain-scripts",
    apply: "build",
    async buildStart() {
      for (const [fileName, module] of Object.entries(SCRIPTS)) {
        const found = await this.resolve(module);
        if (found === null) throw new Error(`${module} is not installed`);
        this.emitFile({ type: "asset", fileName, source: readFileSync(found.id) });
      }
    },
  };
}
