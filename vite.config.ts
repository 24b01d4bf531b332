import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Builds the explorer beside the server, so that the package has both. */
export default defineConfig({
  root: "explorer",
  plugins: [react()],
  build: { outDir: "../dist/explorer", emptyOutDir: true, target: "es2022" },
});
