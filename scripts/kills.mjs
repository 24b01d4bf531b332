// `npm run kills -- --runs 200 --store duckdb|clickhouse`: kills servers with history, and checks
// what is left. `-- --seed N` repeats a store of a run.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { install, root } from "./setup.mjs";

install();
install(join(root, "test"));
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "test/support/kills/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
