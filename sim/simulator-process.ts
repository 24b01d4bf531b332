/** A run of the simulator in a process of its own, which ends with the test that started it. */
import { spawn } from "node:child_process";

export interface SimulatorResult {
  readonly code: number | null;
  /** What it printed, on both streams. */
  readonly output: string;
}

/** Runs `sim/main.ts` in `folder`, until it ends or `signal` says that its test has. */
export function runSimulator(
  folder: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<SimulatorResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "sim/main.ts", ...args], {
      cwd: folder,
      signal,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    child.on("error", reject);
    // At "exit" the last output may still be in the pipes.
    child.on("close", (code) => resolve({ code, output }));
  });
}
