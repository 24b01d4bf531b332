/**
 * Many cheap WebSocket clients in one process. Each reads and counts frame headers; a few decode
 * all frames, to measure rows and latency. They use just enough of each server's protocol to
 * subscribe.
 */
import type { Socket } from "node:net";
import { answer, cpuMeter } from "./child.ts";
import { maskedFrame, openRawSocket } from "./raw-socket.ts";

export type Dialect = "tidemark" | "ws" | "socket.io";

/**
 * All clients count bytes; these many also decode. They are spread evenly, because a server serves
 * its clients one after another.
 */
const DECODING_CLIENTS = 20;

interface Client {
  readonly socket: Socket;
  bytes: number;
  frames: number;
  rows: number;
  isReady: boolean;
  readonly isDecoding: boolean;
}

let clients: Client[] = [];
let latencies: number[] = [];

const PATHS: Readonly<Record<Dialect, string>> = {
  tidemark: "/v2/stream",
  ws: "/",
  "socket.io": "/socket.io/?EIO=4&transport=websocket",
};

/** When the rows of a frame were made. */
function sentMsIn(dialect: Dialect, text: string): readonly number[] {
  const hasRows =
    dialect === "ws" ||
    (dialect === "tidemark" ? text.includes('"DELTA_BATCH"') : text.startsWith("42"));
  return hasRows ? [...text.matchAll(/"sent_ms":([\d.]+)/g)].map(([, ms]) => Number(ms)) : [];
}

function onText(
  client: Omit<Client, "socket">,
  socket: Socket,
  dialect: Dialect,
  text: string,
): void {
  if (dialect === "socket.io") {
    if (text.startsWith("0{")) socket.write(maskedFrame("40"));
    else if (text === "2") socket.write(maskedFrame("3"));
    else if (text.startsWith("40")) client.isReady = true;
  } else if (!client.isReady) {
    if (dialect === "tidemark" && text.includes('"HELLO"'))
      socket.write(maskedFrame(JSON.stringify({ op: "IDENTIFY", subscriptions: ["trades"] })));
    if (dialect === "tidemark" && text.includes('"WATERMARK"')) client.isReady = true;
  }
  if (!client.isDecoding) return;
  const sentMs = sentMsIn(dialect, text);
  client.rows += sentMs.length;
  const nowMs = performance.timeOrigin + performance.now();
  for (const sent of sentMs) if (latencies.length < 2_000_000) latencies.push(nowMs - sent);
}

async function open(port: number, dialect: Dialect, isDecoding: boolean): Promise<Client> {
  const client = { bytes: 0, frames: 0, rows: 0, isReady: dialect === "ws", isDecoding };
  const socket = await openRawSocket({
    port,
    path: PATHS[dialect],
    onBytes: (length) => (client.bytes += length),
    wants: (length) => isDecoding || !client.isReady || (dialect === "socket.io" && length < 8),
    onFrame: (payload, from) => {
      client.frames++;
      if (payload !== undefined) onText(client, from, dialect, payload.toString("utf8"));
    },
  });
  return Object.assign(client, { socket });
}

const meter = cpuMeter();

answer({
  open: async ({ port, dialect, count }) => {
    const total = Number(count);
    const stride = Math.max(1, Math.floor(total / DECODING_CLIENTS));
    for (let from = 0; from < total; from += 100) {
      const batch = Array.from({ length: Math.min(100, total - from) }, (_, index) =>
        open(Number(port), dialect as Dialect, (from + index) % stride === 0),
      );
      clients.push(...(await Promise.all(batch)));
    }
    while (clients.some(({ isReady }) => !isReady))
      await new Promise((resolve) => setTimeout(resolve, 20));
    return clients.length;
  },
  reset: () => {
    for (const client of clients) Object.assign(client, { bytes: 0, frames: 0, rows: 0 });
    latencies = [];
    meter();
  },
  read: () => {
    const decoding = clients.filter(({ isDecoding }) => isDecoding);
    const sampleBytes = decoding.reduce((sum, { bytes }) => sum + bytes, 0);
    const sampleRows = decoding.reduce((sum, { rows }) => sum + rows, 0);
    const bytes = clients.reduce((sum, client) => sum + client.bytes, 0);
    const sorted = Float64Array.from(latencies).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return {
      rows: sampleBytes === 0 ? 0 : (sampleRows * bytes) / sampleBytes,
      frames: clients.reduce((sum, { frames }) => sum + frames, 0),
      bytes,
      latencyP50Ms: at(0.5),
      latencyP95Ms: at(0.95),
      latencyP99Ms: at(0.99),
      ...meter(),
    };
  },
  /** Makes all clients stop reading, or read again. */
  stall: ({ isStalled }) => {
    for (const { socket } of clients) {
      if (isStalled === true) socket.pause();
      else socket.resume();
    }
  },
  close: () => {
    for (const { socket } of clients) socket.destroy();
    clients = [];
  },
});
