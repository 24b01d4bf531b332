// `npm run api`: writes the files in `api`, which say what each entry point of the package exports.
import { install, build, root, run } from "./setup.mjs";

install();
build();
run(process.execPath, [
  `${root}/node_modules/vitest/vitest.mjs`,
  "run",
  "--project",
  "real",
  "test/api.real.test.ts",
  "--update",
]);
