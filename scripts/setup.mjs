// What all scripts need first: the packages of the lock file, and a build that is newer than its
// sources. Does nothing when both are there. Plain JavaScript, because it runs before packages are
// installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command in the project. When it fails, ends the process with its exit code. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    ...options,
  });
  if (error) {
    console.error(`${command} could not be started: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

const NPM_CI = ["ci", "--no-fund", "--no-audit", "--loglevel=error"];

export function install(folder = root) {
  if (!needsInstall(folder)) return;
  console.log("Installing packages…");
  run("npm", NPM_CI, { cwd: folder });
}

/** The same while other commands run; resolves when the packages are there. */
export async function installMeanwhile(folder) {
  if (!needsInstall(folder)) return;
  console.log("Installing packages…");
  const child = spawn("npm", NPM_CI, {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  if (status !== 0) process.exit(status ?? 1);
}

function needsInstall(folder) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Tidemark needs Node 20.19 or later; this is ${process.versions.node}.`);
    process.exit(1);
  }
  const installed = join(folder, "node_modules", ".package-lock.json");
  const lock = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return false;
  // npm would empty the folder behind the link, which belongs to another project.
  if (lstatSync(join(folder, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) {
    console.error(
      "node_modules is a link to packages that may differ from package-lock.json. Remove the link and start again.",
    );
    process.exit(1);
  }
  return true;
}

export function build() {
  // The file that is built last.
  const marker = join(root, "dist-examples", "trading", "page", "index.html");
  const built =
    existsSync(marker) && existsSync(join(root, "dist", "cli", "main.js"))
      ? statSync(marker).mtimeMs
      : 0;
  const sources = [
    "src",
    "explorer",
    "examples",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "tsconfig.examples.json",
    "vite.config.ts",
    "vite.examples.config.ts",
    "vite.heatmap.config.ts",
  ];
  if (built > Math.max(...sources.map((name) => newest(join(root, name))))) return;
  console.log("Building…");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const vite = join(root, "node_modules/vite/bin/vite.js");
  run(process.execPath, [tsc, "-p", "tsconfig.build.json"]);
  run(process.execPath, [vite, "build", "--logLevel", "error"]);
  for (const format of ["es", "iife"]) {
    const options = ["--config", "vite.heatmap.config.ts", "--mode", format];
    run(process.execPath, [vite, "build", ...options, "--logLevel", "error"]);
  }
  // The examples are compiled against the built package.
  run(process.execPath, [tsc, "-p", "tsconfig.examples.json"]);
  for (const example of ["review", "heatmap", "mempool", "trading"]) {
    const options = ["--config", "vite.examples.config.ts", "--mode", example];
    run(process.execPath, [vite, "build", ...options, "--logLevel", "error"]);
  }
}

/** The time of the newest change below a path. */
function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
