/** Runs pgbench, the workload that comes with Postgres, as a child process. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { promisify } from "node:util";
import { findPgbench, type PostgresServer } from "./postgres-server.ts";

const exec = promisify(execFile);

function connection({ port }: PostgresServer): string[] {
  return ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres"];
}

function program(): string {
  const found = findPgbench();
  if (found === undefined)
    throw new Error("pgbench is not installed; it comes with a system's Postgres package.");
  return found;
}

export async function initPgbench(
  server: PostgresServer,
  scale = 1,
  database = "postgres",
): Promise<void> {
  await exec(program(), [...connection(server), "-i", "-q", "-s", String(scale), database]);
}

export interface PgbenchResult {
  readonly tps: number;
}

/** Runs pgbench with these flags until it ends. */
export async function runPgbench(
  server: PostgresServer,
  flags: readonly string[],
  database = "postgres",
): Promise<PgbenchResult> {
  const { stdout } = await exec(program(), [...connection(server), "-n", ...flags, database]);
  return { tps: Number(/tps = ([\d.]+)/.exec(stdout)?.[1]) };
}

/** Starts pgbench and does not wait for its end. */
export function spawnPgbench(
  server: PostgresServer,
  flags: readonly string[],
  database = "postgres",
): ChildProcess {
  return spawn(program(), [...connection(server), "-n", ...flags, database], { stdio: "ignore" });
}
