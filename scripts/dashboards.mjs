// The start page, and the servers of the dashboards that it lists. PORT (or --port, default 8080) is
// the page's; the dashboards take the next free ports.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { root } from "./setup.mjs";

const HOST = "127.0.0.1";
/** What the page consists of. */
const FILES = {
  "/": ["examples/start/index.html", "text/html; charset=utf-8"],
  "/start.css": ["examples/start/start.css", "text/css; charset=utf-8"],
  "/start.js": ["examples/start/start.js", "text/javascript; charset=utf-8"],
  "/tokens.css": ["examples/ui/tokens.css", "text/css; charset=utf-8"],
};
const PROGRAMS = [
  { name: "explorer", script: "dist/cli/main.js", title: "Explorer" },
  { name: "review", script: "dist-examples/review/main.js", title: "Review dashboard" },
  { name: "trading", script: "dist-examples/trading/main.js", title: "Trading dashboard" },
];
/** Enough for servers of a few thousand rows, so that three of them stay small. */
const FLAGS = ["--max-old-space-size=256", "--max-semi-space-size=4"];

export async function startDashboards([command, ...rest]) {
  const at = rest.indexOf("--port");
  const named = at < 0 ? process.env.PORT : rest[at + 1];
  const others = at < 0 ? rest : rest.toSpliced(at, 2);
  const shown = {};
  const page = createServer((request, response) => answer(request, response, shown));
  const first = named === undefined || named === "" ? 8_080 : Number(named);
  const port = await listen(page, first);
  console.log(`\n  Dashboards: http://localhost:${port}\n`);
  const children = [];
  let isStopping = false;
  let next = port + 1;
  for (const { name, script, title } of PROGRAMS) {
    next = await freePort(next);
    const own = name === "explorer" ? [command, ...others, "--port", String(next)] : [];
    shown[name] = {};
    const child = spawn(process.execPath, [...FLAGS, join(root, script), ...own], {
      stdio: ["inherit", "pipe", "inherit"],
      // Threads of DuckDB and of the collector would each keep memory of their own.
      env: { ...process.env, MALLOC_ARENA_MAX: "2", PORT: String(next) },
    });
    children.push(child);
    watch(child, title, shown[name]);
    next++;
  }
  const stop = (signal) => {
    if (isStopping && signal !== "SIGTERM") process.exit(130);
    isStopping = true;
    page.close();
    page.closeAllConnections();
    // Ctrl-C reaches the children by itself.
    if (signal === "SIGTERM") for (const child of children) child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop(signal));
  const codes = await Promise.all(
    children.map(
      (child) =>
        new Promise((resolve) => {
          child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
        }),
    ),
  );
  process.exit(Math.max(...codes));
}

/** Passes on what a program prints, and learns its address from it. */
function watch(child, title, shown) {
  let output = "";
  child.stdout.on("data", (chunk) => {
    process.stdout.write(chunk);
    if (shown.url !== undefined) return;
    output += String(chunk);
    shown.url = output.match(new RegExp(`${title}: (http://\\S+)`))?.[1];
  });
  child.once("exit", () => {
    delete shown.url;
    shown.hasEnded = true;
  });
}

async function answer({ url = "/" }, response, shown) {
  const { pathname } = new URL(url, "http://localhost");
  if (pathname === "/dashboards.json") {
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(shown));
    return;
  }
  const [file, type] = FILES[pathname] ?? [];
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": type });
  response.end(await readFile(join(root, file)));
}

/** Listens on this port, or fails with what to do. */
function listen(server, port) {
  return new Promise((resolve) => {
    server.once("error", ({ code, message }) => {
      console.error(
        code === "EADDRINUSE"
          ? `Port ${port} is in use. Choose another one: PORT=9000 npm start`
          : `The start page can't be served: ${message}`,
      );
      process.exit(1);
    });
    server.listen(port, HOST, () => resolve(server.address().port));
  });
}

/** The first port from this one on that nobody listens on. */
async function freePort(port) {
  const isTaken = await new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });
  return isTaken ? freePort(port + 1) : port;
}
