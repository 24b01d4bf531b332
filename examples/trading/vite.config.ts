import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const page = (name: string): string => fileURLToPath(new URL(`./page/${name}`, import.meta.url));

/** The dashboard's page, and that of `tanstack/`, built beside the compiled server. */
export default defineConfig({
  root: page("."),
  plugins: [react()],
  build: {
    outDir: "../../dist/trading/page",
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: { input: [page("index.html"), page("tanstack.html")] },
  },
});
