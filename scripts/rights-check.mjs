// `npm run rights-check -- --cases N`: asks history and feeds for rows in generated ways, under
// policies of every shape, and looks for rows that the caller may not see. `-- --seed N` repeats a run.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { install, root } from "./setup.mjs";

install();
install(join(root, "test"));
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "test/support/rights-check/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
