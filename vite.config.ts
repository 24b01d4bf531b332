import react from "@vitejs/plugin-react";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Builds the explorer beside the server, so that the package has both. */
export default defineConfig({
  root: "explorer",
  plugins: [react(), compressed()],
  build: {
    outDir: "../dist/explorer",
    emptyOutDir: true,
    target: "es2022",
    // A browser without it loads the same parts a moment later.
    modulePreload: {
      polyfill: false,
      // What later parts need is loaded already, but for their styles.
      resolveDependencies: (_file, needed, { hostType }) =>
        hostType === "html" ? needed : needed.filter((name) => name.endsWith(".css")),
    },
    // One file for the first view: small shared chunks compress worse, and each is a request.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: "page", test: /explorer\/main\.tsx$/ }],
        },
      },
    },
  },
});

/** Writes each text also as `.br` and `.gz`, which the server's static routes send. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir = fileURLToPath(new URL("dist/explorer", import.meta.url)) }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const text = readFileSync(join(dir, name));
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(text));
        writeFileSync(join(dir, `${name}.gz`), gzipSync(text, { level: 9 }));
      }
    },
  };
}
