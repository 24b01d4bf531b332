/** The built program of a dashboard, as `npm start` runs it. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Starts it, and resolves when it says its address. */
export async function startDashboard(
  name: string,
  port: number,
  ...args: readonly string[]
): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const program = fileURLToPath(new URL(`../../dist-examples/${name}/main.js`, import.meta.url));
  if (!existsSync(program)) throw new Error("The examples are not built: npm run build");
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, PORT: String(port) },
  });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += String(chunk);
      const found = /dashboard: (http:\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${output}`)));
  });
  return { url, child };
}

export async function killDashboard(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
