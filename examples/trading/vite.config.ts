import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The dashboard's page, built beside the compiled server. */
export default defineConfig({
  root: "page",
  plugins: [react()],
  build: { outDir: "../dist/page", emptyOutDir: true, target: "es2022" },
});
