/** The workload that comes with Postgres, run as a program of its own. */
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

/** Runs to its end, with `flags` as pgbench takes them. */
export async function runPgbench(
  server: PostgresServer,
  flags: readonly string[],
  database = "postgres",
): Promise<PgbenchResult> {
  const { stdout } = await exec(program(), [...connection(server), "-n", ...flags, database]);
  return { tps: Number(/tps = ([\d.]+)/.exec(stdout)?.[1]) };
}

/** Starts and leaves it running. */
export function spawnPgbench(
  server: PostgresServer,
  flags: readonly string[],
  database = "postgres",
): ChildProcess {
  return spawn(program(), [...connection(server), "-n", ...flags, database], { stdio: "ignore" });
}
