// `npm run fuzz -- --minutes N`: sends random frames, queries, requests and session ids to a server
// in memory. `-- --seed N` replays a run.
import { spawnSync } from "node:child_process";
import { install, root } from "./setup.mjs";

install();
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "fuzz/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
