// `npm start`, `npm run serve` and so on: installs and builds what is missing, then runs the
// command line. With the demo it also starts the review dashboard, which is a separate application.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, install, root } from "./setup.mjs";

install();
build();
const args = process.argv.slice(2);
const start = (script, scriptArgs, env = process.env) =>
  spawn(process.execPath, [join(root, script), ...scriptArgs], { stdio: "inherit", env });
const main = start("dist/cli/main.js", args);
// PORT is the explorer's; the dashboard takes the next free port.
const named = args.includes("--port") ? args[args.indexOf("--port") + 1] : process.env.PORT;
const port = Number(named) || 8080;
const children =
  args[0] === "demo"
    ? [main, start("dist-examples/review/main.js", [], { ...process.env, PORT: String(port + 1) })]
    : [main];
// Ctrl-C reaches this process and its children; it ends when the explorer's server has ended.
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => signal === "SIGTERM" && children.forEach((child) => child.kill(signal)));
main.on("exit", (code, signal) => {
  for (const child of children) child.kill("SIGTERM");
  process.exit(signal ? 1 : (code ?? 1));
});
