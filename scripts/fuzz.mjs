// `npm run fuzz -- --minutes N`: random frames, queries, requests and session ids against a server in memory; `-- --seed N` replays.
import { spawnSync } from "node:child_process";
import { install, root } from "./setup.mjs";

install();
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "fuzz/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);
