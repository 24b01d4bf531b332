/** The review dashboard in its own process, as `npm start` runs it. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist-examples/review/main.js", import.meta.url));

export interface ReviewServer {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function startReview(
  options: { readonly databaseUrl?: string; readonly port?: number } = {},
): Promise<ReviewServer> {
  if (!existsSync(main)) throw new Error("The review dashboard is not built: npm run build");
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [main], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...env,
      PORT: String(options.port ?? 18_000 + (process.pid % 2_000)),
      ...(options.databaseUrl !== undefined && { DATABASE_URL: options.databaseUrl }),
    },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    const hear = (chunk: Buffer): void => {
      output += String(chunk);
      const found = /Review dashboard: (http:\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => reject(new Error(`The dashboard ended with ${code}: ${output}`)));
  });
  return {
    url,
    port: Number(new URL(url).port),
    child,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
  };
}
