import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** The review dashboard's page. Its imports are an application's; here they lead to the source. */
export default defineConfig({
  root: "examples/review/page",
  plugins: [react()],
  resolve: {
    alias: {
      "tidemark/client": source("client/index.ts"),
      "tidemark/react": source("react/index.ts"),
    },
  },
  build: { outDir: "../../../dist-examples/review/page", emptyOutDir: true, target: "es2022" },
});
