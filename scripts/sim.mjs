// `npm run sim`: runs the simulator. `-- --seed N` replays a run, `-- --runs N` runs N seeds, `--
// --nightly` runs until it is stopped.
import { spawnSync } from "node:child_process";
import { install, root } from "./setup.mjs";

install();
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "sim/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
