// `npm run soak -- [tables|mempool] --minutes N`: a long run under constant load, with a report of
// memory and latency over time.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureChromium } from "./programs.mjs";
import { build, install, root } from "./setup.mjs";

install();
install(join(root, "bench"));
// The page of the mempool dashboard.
build();
const env = { ...process.env, CHROMIUM_PATH: ensureChromium() };
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", "bench/soak/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit", env },
);
process.exit(status ?? 1);
