import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The explorer, built beside the server so that the package carries both. */
export default defineConfig({
  root: "explorer",
  plugins: [react()],
  build: { outDir: "../dist/explorer", emptyOutDir: true, target: "es2022" },
});
