// `npm run history-check -- --store duckdb|clickhouse --runs N`: scrolls back while rows arrive, and
// compares each list with the in-memory evaluation. `-- --seed N` repeats a run.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { install, root } from "./setup.mjs";

install();
install(join(root, "test"));
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "test/support/history-check/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
