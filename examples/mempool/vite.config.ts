import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The dashboard's page, built beside the compiled server. */
export default defineConfig({
  root: fileURLToPath(new URL("./page", import.meta.url)),
  plugins: [react()],
  build: { outDir: "../../dist/mempool/page", emptyOutDir: true, target: "es2022" },
});
