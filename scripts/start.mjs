// `npm start` and `npm run serve`: installs and builds what is missing, then runs the command line.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, install, root } from "./setup.mjs";

install();
build();
const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...process.argv.slice(2)], { stdio: "inherit" });
// Ctrl-C reaches both of us; the server says goodbye and ends, and then so do we.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
