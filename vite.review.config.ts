import { fileURLToPath } from "node:url";
import { mergeConfig } from "vite";
import review from "./examples/review/vite.config.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * Builds the page of the review dashboard for `npm start`. Its imports of the package lead to the
 * source.
 */
export default mergeConfig(review, {
  root: path("./examples/review/page"),
  resolve: {
    alias: {
      "tidemark/client": path("./src/client/index.ts"),
      "tidemark/react": path("./src/react/index.ts"),
    },
  },
  build: { outDir: path("./dist-examples/review/page") },
});
