/** A real Redis on a free port, with its files in a temporary folder. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";
import { makeFolder } from "./shared-folder.ts";

const PLACES = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/** The path of redis-server, or undefined; tests are then skipped. */
export const redisPath =
  process.env["REDIS_PATH"] ??
  [...PLACES, ...(process.env["PATH"] ?? "").split(":")]
    .map((folder) => join(folder, "redis-server"))
    .find((path) => existsSync(path));

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** A client that connects again by itself. */
  client(): Redis;
  /** Ends the process as a crash does. What it had acknowledged is on disk. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops answering, without closing a connection. Returns a function that ends it. */
  freeze(): () => void;
  remove(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const folder = makeFolder("tidemark-redis-");
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const clients: Redis[] = [];
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const settings = {
      port: String(port),
      bind: "127.0.0.1",
      dir: folder,
      save: "",
      appendonly: "yes",
      appendfsync: "always",
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    child = spawn(String(redisPath), flags, { stdio: "ignore" });
    await untilReady(url);
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  };
  await start();
  return {
    url,
    port,
    start,
    kill,
    freeze: () => {
      child?.kill("SIGSTOP");
      return () => child?.kill("SIGCONT");
    },
    client: () => {
      const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
      client.on("error", () => {});
      clients.push(client);
      return client;
    },
    remove: async () => {
      for (const client of clients) client.disconnect();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(url: string): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => 10, maxRetriesPerRequest: null });
  client.on("error", () => {});
  await client.ping();
  client.disconnect();
}
