/** The command line as a process, which ends with the test at the latest. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { atEnd } from "./trades-server.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Runs the command line from its source. */
export function cli(...args: readonly string[]): {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; output: string }>;
  readonly output: () => string;
} {
  const child = spawn(process.execPath, ["--import", "tsx", main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => (output += String(chunk)));
  atEnd(() => child.kill("SIGKILL"));
  return {
    child,
    output: () => output,
    ended: new Promise((resolve) => child.once("exit", (code) => resolve({ code, output }))),
  };
}
