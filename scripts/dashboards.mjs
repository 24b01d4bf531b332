// The start page, and the servers of the dashboards that it lists. PORT (or --port, default 8080) is
// the page's; the dashboards take the next free ports.
import { createServer } from "node:http";
import { connect } from "node:net";
import { DashboardServer } from "./dashboard-server.mjs";
import { startPageFile } from "./start-page.mjs";

const HOST = "127.0.0.1";
/** In the order of the page. One `whenOpened` starts when somebody opens it. */
const DASHBOARDS = [
  {
    name: "explorer",
    title: "Explorer",
    sentence:
      "Every table of an embedded Postgres, live: filter, sort and scroll back while the rows change.",
    script: "dist/cli/main.js",
  },
  {
    name: "review",
    title: "Review",
    sentence:
      "Several people edit the same rows. Open it twice: each sees the other's changes at once.",
    script: "dist-examples/review/main.js",
  },
  {
    name: "trading",
    title: "Trading",
    sentence:
      "Trades, quotes, books and candles of a busy market, live, scrolled back, or rewound as a whole.",
    script: "dist-examples/trading/main.js",
  },
  {
    name: "heatmap",
    title: "Heatmap",
    sentence:
      "Where positions would be liquidated if the price went there: a polled query as a live heatmap.",
    script: "dist-examples/heatmap/main.js",
    whenOpened: true,
  },
  {
    name: "mempool",
    title: "Mempool",
    sentence:
      "Pending transactions of two chains: what they do, what gas costs, and who could profit.",
    script: "dist-examples/mempool/main.js",
    whenOpened: true,
  },
];

export async function startDashboards([command, ...rest], dashboards = DASHBOARDS) {
  const at = rest.indexOf("--port");
  const named = at < 0 ? process.env.PORT : rest[at + 1];
  const others = at < 0 ? rest : rest.toSpliced(at, 2);
  const servers = new Map();
  const page = createServer((request, response) => {
    answer(request, response, { servers, dashboards }).catch(() => response.destroy());
  });
  const port = await listen(page, named === undefined || named === "" ? 8_080 : Number(named));
  console.log(`\n  Dashboards: http://localhost:${port}\n`);
  const takePort = portsFrom(port + 1);
  for (const dashboard of dashboards) {
    const args = dashboard.name === "explorer" ? [command, ...others] : [];
    servers.set(dashboard.name, new DashboardServer({ ...dashboard, args, takePort }));
  }
  for (const server of servers.values()) if (!server.whenOpened) void server.start();
  let isStopping = false;
  const stop = async (signal) => {
    if (isStopping && signal !== "SIGTERM") process.exit(130);
    isStopping = true;
    page.close();
    page.closeAllConnections();
    // Ctrl-C reaches the servers by itself.
    const codes = [...servers.values()].map((server) => server.stop(signal === "SIGTERM"));
    process.exit(Math.max(...(await Promise.all(codes))));
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void stop(signal));
}

async function answer({ url = "/" }, response, { servers, dashboards }) {
  const { pathname } = new URL(url, "http://localhost");
  if (pathname === "/dashboards.json") {
    const states = [...servers].map(([name, server]) => [name, server.state]);
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(Object.fromEntries(states)));
    return;
  }
  const opened = servers.get(/^\/open\/(\w+)$/.exec(pathname)?.[1]);
  if (opened !== undefined) return open(opened, response);
  const file = await startPageFile(pathname, dashboards);
  if (file === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": file.type }).end(file.body);
}

/** Leads to a dashboard, which it starts where that is needed. */
async function open(server, response) {
  const url = await server.start();
  if (url !== undefined) return response.writeHead(303, { location: url }).end();
  response.writeHead(502, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${server.title} has ended; the terminal says why.`);
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

/** Gives each caller a port of its own on which nobody listens. */
function portsFrom(first) {
  let last = Promise.resolve(first - 1);
  return () => (last = last.then((port) => freePort(port + 1)));
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
