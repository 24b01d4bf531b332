/**
 * Runs of the simulator in processes of their own, which end with the test that started them. The
 * simulator is bundled once for many runs: a process then starts in a tenth of the time.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

/** One place of the source, and what stands there instead. */
export interface SourceChange {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface SimulatorResult {
  readonly code: number | null;
  /** What it printed, on both streams. */
  readonly output: string;
}

/** A folder with bundles of the simulator. */
export class SimulatorBundles {
  readonly #folder = mkdtempSync(join(tmpdir(), "tidemark-simulator-"));

  constructor() {
    symlinkSync(join(root, "node_modules"), join(this.#folder, "node_modules"));
  }

  /** Bundles the simulator, with one change. Returns the program's path. */
  async make(name: string, change?: SourceChange): Promise<string> {
    let changes = 0;
    const outDir = join(this.#folder, name);
    await build({
      root,
      configFile: false,
      logLevel: "error",
      build: {
        ssr: "sim/main.ts",
        outDir,
        target: "node20",
        minify: false,
        sourcemap: true,
        rolldownOptions: { output: { entryFileNames: "main.js" } },
      },
      plugins: [
        {
          name: "changes the source",
          enforce: "pre",
          transform(code, id) {
            if (change === undefined || id !== join(root, change.file)) return undefined;
            changes += code.split(change.find).length - 1;
            return code.replace(change.find, () => change.replace);
          },
        },
      ],
    });
    if (change !== undefined && changes !== 1)
      throw new Error(`"${change.find}" is in ${change.file} ${changes} times, not once.`);
    return join(outDir, "main.js");
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a bundle until it ends or `signal` says that its test has. */
export function runSimulator(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<SimulatorResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--enable-source-maps", program, ...args], {
      cwd: root,
      signal,
      detached: true,
    });
    if (child.pid !== undefined) yieldToOthers(child.pid);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    child.on("error", reject);
    // At "exit" the last output may still be in the pipes.
    child.on("close", (code) => resolve({ code, output }));
  });
}

/**
 * Gives a process little of the time that others want: simulated time waits, and tests of real time
 * that run beside it do not.
 */
function yieldToOthers(pid: number): void {
  const priority = constants.priority.PRIORITY_BELOW_NORMAL;
  setPriority(pid, priority);
  // Linux may share time between sessions first; the process is the only one of its session.
  const session = `/proc/${pid}/autogroup`;
  if (!existsSync(session)) return;
  try {
    writeFileSync(session, String(priority));
  } catch {
    // The kernel takes few such changes per second. Without it others only get less.
  }
}
