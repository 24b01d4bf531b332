/**
 * The process `feed-server <kind>`: sends one feed of trades to all clients, with Tidemark, plain
 * `ws` or Socket.IO.
 */
import { createServer, type Server } from "node:http";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pino } from "pino";
import { Server as SocketIoServer } from "socket.io";
import { WebSocketServer } from "ws";
import { channel, createTidemark } from "../../src/index.ts";
import { answer, cpuMeter } from "./child.ts";
import { makeTrade, type Trade } from "./trade.ts";

interface Feed {
  readonly port: number;
  send(trades: readonly Trade[]): void;
  stats(): unknown;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A port that takes rows as lines of JSON; each is a change of its own. */
function listenForRows(feed: Feed): Promise<number> {
  const server = createSocketServer((socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      const lines = `${text}${String(chunk)}`.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) feed.send([JSON.parse(line) as Trade]);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function startTidemark(): Promise<Feed> {
  const tidemark = createTidemark({
    channels: { trades: channel<Trade>({ key: "id" }) },
    logger: pino({ level: "silent" }),
  });
  const trades = tidemark.channel("trades");
  const { port } = await tidemark.listen({ port: 0 });
  return { port, send: (rows) => void trades.upsert(rows), stats: () => tidemark.stats() };
}

/**
 * What programs do without a library: send the last rows on connect, then broadcast each change.
 */
async function startWs(): Promise<Feed> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const rows = new Map<string, Trade>();
  sockets.on("connection", (socket) =>
    socket.send(JSON.stringify({ snapshot: [...rows.values()] })),
  );
  return {
    port: await listen(server),
    stats: () => ({}),
    send: (trades) => {
      for (const trade of trades) {
        rows.set(trade.id, trade);
        const text = JSON.stringify(trade);
        for (const socket of sockets.clients) socket.send(text);
      }
    },
  };
}

async function startSocketIo(): Promise<Feed> {
  const server = createServer();
  const io = new SocketIoServer(server);
  const rows = new Map<string, Trade>();
  io.on("connection", (socket) => socket.emit("snapshot", [...rows.values()]));
  return {
    port: await listen(server),
    stats: () => ({}),
    send: (trades) => {
      for (const trade of trades) {
        rows.set(trade.id, trade);
        io.emit("trade", trade);
      }
    },
  };
}

const STARTS: Readonly<Record<string, () => Promise<Feed>>> = {
  tidemark: startTidemark,
  ws: startWs,
  "socket.io": startSocketIo,
};
const start = STARTS[process.argv[2] ?? ""];
if (start === undefined) throw new Error("feed-server tidemark|ws|socket.io");
const feed = await start();
const meter = cpuMeter();
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
let timer: NodeJS.Timeout | undefined;
let sent = 0;

answer({
  port: () => feed.port,
  rowPort: () => listenForRows(feed),
  /** An open loop: makes all changes that are due by the clock, even when the loop is late. */
  run: ({ perSecond, keys }) => {
    clearInterval(timer);
    const rate = Number(perSecond);
    const beganMs = performance.now();
    let made = 0;
    timer = setInterval(() => {
      // A server that cannot keep up gets at most the changes of a tenth of a second at once.
      const due = Math.min(
        Math.floor(((performance.now() - beganMs) / 1_000) * rate),
        made + Math.ceil(rate / 10),
      );
      const trades: Trade[] = [];
      while (made < due) {
        trades.push(makeTrade(Number(keys)));
        made++;
      }
      sent += trades.length;
      if (trades.length > 0) feed.send(trades);
    }, 1);
  },
  pause: () => clearInterval(timer),
  /** Collects garbage; needs --expose-gc. */
  collect: () => (globalThis as { gc?: () => void }).gc?.(),
  reset: () => {
    sent = 0;
    loop.reset();
    meter();
  },
  read: () => ({
    sent,
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    rssBytes: process.memoryUsage().rss,
    heapBytes: process.memoryUsage().heapUsed + process.memoryUsage().external,
    stats: feed.stats(),
    ...meter(),
  }),
});
