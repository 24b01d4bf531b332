// Programs that tests need and that do not come from the package registry. They are looked for
// where they usually are, and installed where that is possible; otherwise a message names what is
// missing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const pathFolders = (process.env.PATH ?? "").split(process.platform === "win32" ? ";" : ":");

function find(names, places = []) {
  return [
    ...places,
    ...pathFolders.flatMap((folder) => names.map((name) => join(folder, name))),
  ].find((path) => existsSync(path));
}

function aptInstall(name) {
  if (process.getuid?.() !== 0 || find(["apt-get"]) === undefined) return;
  console.log(`Installing ${name}…`);
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  spawnSync("apt-get", ["update"], options);
  spawnSync("apt-get", ["install", "-y", "--no-install-recommends", name], options);
}

/** Returns the path of a Chromium, or ends the process with a message that says how to get one. */
export function ensureChromium() {
  const look = () =>
    process.env.CHROMIUM_PATH ??
    find(
      ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
      ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
    ) ??
    playwrightChromium();
  let found = look();
  if (found === undefined) {
    aptInstall("chromium");
    found = look();
  }
  if (found === undefined) {
    const require = createRequire(import.meta.url);
    spawnSync(
      process.execPath,
      [
        join(require.resolve("playwright-core"), "..", "cli.js"),
        "install",
        "chromium-headless-shell",
      ],
      { stdio: "inherit" },
    );
    found = look();
  }
  if (found === undefined) {
    console.error(
      "The browser tests need Chromium or Chrome. Install one, or name it: CHROMIUM_PATH=/path/to/chromium npm test",
    );
    process.exit(1);
  }
  return found;
}

function playwrightChromium() {
  const { chromium } = createRequire(import.meta.url)("playwright-core");
  const path = chromium.executablePath();
  return existsSync(path) ? path : undefined;
}

/** Looks for pgbench. Without it the tests under its load are skipped, with a warning. */
export function ensurePgbench() {
  const look = () =>
    find(
      ["pgbench"],
      [18, 17, 16, 15, 14, 13].map((version) => `/usr/lib/postgresql/${version}/bin/pgbench`),
    );
  if (look() === undefined) aptInstall("postgresql-contrib");
  if (look() === undefined)
    console.warn(
      "pgbench is not installed: the tests under its load will be skipped. It comes with a system's Postgres package.",
    );
}

/**
 * Returns a Python with the `websockets` module, and sees that it has `redis`. Without them the
 * tests of the Python examples are skipped, with a warning.
 */
export function ensurePython() {
  const has = (python, name) =>
    spawnSync(python, ["-c", `import ${name}`], { stdio: "ignore" }).status === 0;
  const look = () =>
    find(["python3"], ["/usr/bin/python3"]) !== undefined &&
    ["/usr/bin/python3", "python3"].find((python) => has(python, "websockets"));
  if (!look()) aptInstall("python3-websockets");
  const found = look();
  if (!found)
    console.warn(
      "Python's websockets module is not installed: the test of the Python client will be skipped.",
    );
  if (!has("/usr/bin/python3", "redis")) aptInstall("python3-redis");
  if (!has("/usr/bin/python3", "redis") && !(found && has(found, "redis")))
    console.warn(
      "Python's redis module is not installed: the test of the Python producer will be skipped.",
    );
  return found || undefined;
}

/** Looks for nginx. Without it the tests behind a proxy are skipped, with a warning. */
export function ensureNginx() {
  const look = () =>
    find(["nginx"], ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"]);
  if (look() === undefined) aptInstall("nginx-light");
  if (look() === undefined)
    console.warn("nginx is not installed: the tests behind a proxy will be skipped.");
}

/** Looks for redis-server. Without it the tests of the Redis sources are skipped, with a warning. */
export function ensureRedis() {
  const look = () => find(["redis-server"], ["/opt/homebrew/bin/redis-server"]);
  if (look() === undefined) aptInstall("redis-server");
  if (look() === undefined)
    console.warn("redis-server is not installed: the tests of the Redis sources will be skipped.");
}
