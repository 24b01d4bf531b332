/**
 * Clients of the pipeline benchmark in one process. Some keep a cache and measure when rows are in
 * it; the others do the same traffic, and leave the texts alone.
 */
import { get, Agent } from "node:http";
import { WebSocket } from "ws";
import { createClient } from "../../src/client/node.ts";
import { answer, cpuMeter } from "./child.ts";
import { OlderWidget } from "./older-widget.ts";
import { ArrivalTimes, WIDGET_ROWS } from "./pipeline-widget.ts";
import type { Trade } from "./trade.ts";

const REFETCH_EVERY_MS = 30_000;

const measured: ArrivalTimes[] = [];
/** Of the clients without a cache. */
const traffic = { bytes: 0, messages: 0 };
const agent = new Agent({ keepAlive: true });

function openSocket(
  url: string,
  isCounted: boolean,
  onMessage: (message: Buffer, socket: WebSocket) => void,
): Promise<void> {
  const socket = new WebSocket(url);
  socket.on("message", (message: Buffer) => {
    if (isCounted) {
      traffic.bytes += message.length;
      traffic.messages++;
    }
    onMessage(message, socket);
  });
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
}

/** The client of the package, with one live view. */
async function openLive(port: number, times: ArrivalTimes): Promise<void> {
  const client = createClient({ url: `ws://127.0.0.1:${port}/v2/stream` });
  const view = client.live({
    channel: "trades",
    orderBy: [{ column: "trade_id", direction: "desc" }],
    limit: WIDGET_ROWS,
  });
  await new Promise<void>((resolve) => {
    view.subscribe(() => {
      const { rows, status } = view.getSnapshot();
      times.onRows(rows as unknown as readonly Trade[]);
      if (status === "live") resolve();
    });
  });
}

function openRaw(port: number): Promise<void> {
  const query = {
    channel: "trades",
    order_by: [{ column: "trade_id", direction: "desc" }],
    limit: WIDGET_ROWS,
  };
  let isIdentified = false;
  return openSocket(`ws://127.0.0.1:${port}/v2/stream`, true, (message, socket) => {
    if (isIdentified || !message.includes('"HELLO"')) return;
    isIdentified = true;
    socket.send(JSON.stringify({ op: "IDENTIFY", subscriptions: [query] }));
  });
}

function fetchRows(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path: "/rows", agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve(body);
      });
    }).on("error", reject);
  });
}

async function openOlder(
  port: number,
  pushesRows: boolean,
  times: ArrivalTimes | undefined,
): Promise<void> {
  const widget = new OlderWidget<Trade>({
    limit: WIDGET_ROWS,
    fetchRows: async () => {
      const body = await fetchRows(port);
      if (times !== undefined) return JSON.parse(String(body)) as readonly Trade[];
      traffic.bytes += body.length;
      return undefined;
    },
    onRows: (rows) => times?.onRows(rows),
  });
  await openSocket(`ws://127.0.0.1:${port}/`, times === undefined, (message) => {
    if (!pushesRows) void widget.refetch();
    else if (times !== undefined)
      widget.merge((JSON.parse(String(message)) as { readonly rows: readonly Trade[] }).rows);
  });
  if (!pushesRows) return;
  // The clients of a page that was opened at different times.
  setTimeout(() => {
    void widget.refetch();
    setInterval(() => void widget.refetch(), REFETCH_EVERY_MS);
  }, Math.random() * REFETCH_EVERY_MS);
}

const meter = cpuMeter();

answer({
  open: async ({ port, pattern, clients, measuring }) => {
    for (let index = 0; index < Number(clients); index++) {
      const times = index < Number(measuring) ? new ArrivalTimes() : undefined;
      if (times !== undefined) measured.push(times);
      if (String(pattern).startsWith("tidemark"))
        await (times === undefined ? openRaw(Number(port)) : openLive(Number(port), times));
      else await openOlder(Number(port), pattern === "row-push", times);
    }
  },
  reset: () => {
    Object.assign(traffic, { bytes: 0, messages: 0 });
    for (const times of measured) times.reset();
    meter();
  },
  read: () => {
    const sorted = Float64Array.from(measured.flatMap(({ latencies }) => latencies)).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), ...traffic, ...meter() };
  },
});
