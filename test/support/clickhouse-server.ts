/**
 * ClickHouse servers for tests and benchmarks: the engine in a process of its own
 * (`clickhouse-engine.ts`), with a fresh folder that `remove` deletes.
 */
import { fork, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { makeFolder } from "./shared-folder.ts";

export interface ClickHouseServer {
  readonly url: string;
  /** As `kill -9` does. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and port. */
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Whether the engine is installed. It is an optional package, for Linux and macOS. */
export function hasClickHouse(): boolean {
  try {
    const require = createRequire(import.meta.url);
    const chdb = require.resolve("chdb");
    createRequire(chdb).resolve(
      `@chdb/lib-${process.platform}-${process.arch}${process.platform === "linux" ? "-gnu" : ""}/package.json`,
    );
    return true;
  } catch {
    return false;
  }
}

export async function startClickHouse(): Promise<ClickHouseServer> {
  const folder = makeFolder("tidemark-clickhouse-");
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  };
  const start = async (): Promise<void> => {
    const started = fork(
      fileURLToPath(new URL("./clickhouse-engine.ts", import.meta.url)),
      [folder, String(port)],
      { execArgv: ["--import", "tsx"] },
    );
    child = started;
    await new Promise<void>((resolve, reject) => {
      started.once("message", () => resolve());
      started.once("exit", (code) => reject(new Error(`The engine ended with ${code}.`)));
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    kill,
    start,
    remove: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
