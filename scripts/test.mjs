// `npm test`: installs what is missing, checks format, lint, dead code and types, builds, and runs
// all tests: unit, simulator, real Postgres, real Chromium.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ensureChromium,
  ensureNginx,
  ensurePgbench,
  ensurePython,
  ensureRedis,
} from "./programs.mjs";
import { build, install, installMeanwhile, root, run } from "./setup.mjs";

const bin = (name) => join(root, "node_modules", name);

install();
// What is built and formatted needs no packages of the tests.
const installed = installMeanwhile(join(root, "test"));
run(process.execPath, [bin("oxfmt/bin/oxfmt"), "--check"]);
run(process.execPath, [bin("oxlint/bin/oxlint"), "--deny-warnings"]);
build();
await installed;
run(process.execPath, [bin("knip/bin/knip.js")]);
run(process.execPath, [bin("typescript/bin/tsc"), "-p", "tsconfig.json"]);
ensurePgbench();
ensureNginx();
ensureRedis();
const python = ensurePython();
const chromium = ensureChromium();

const folder = mkdtempSync(join(tmpdir(), "tidemark-test-"));
const report = join(folder, "report.json");
const args = [
  bin("vitest/vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
];
const { status } = spawnSync(process.execPath, args, {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    CHROMIUM_PATH: chromium,
    ...(python !== undefined && { PYTHON_PATH: python }),
  },
});
try {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status ?? 1);
