// `npm start`, `npm run serve` and so on: installs and builds what is missing, then runs the
// command line. `npm start` serves a page that lists all dashboards, each a server of its own.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { startDashboards } from "./dashboards.mjs";
import { build, install, root } from "./setup.mjs";

install();
build();
const args = process.argv.slice(2);
if (args[0] === "demo") await startDashboards(args);
else {
  const main = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...args], {
    stdio: "inherit",
  });
  // Ctrl-C reaches this process and its child; it ends when the child has ended.
  for (const signal of ["SIGINT", "SIGTERM"])
    process.on(signal, () => signal === "SIGTERM" && main.kill(signal));
  main.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
