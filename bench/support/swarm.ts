/**
 * Many cheap WebSocket clients in one process. Each reads and counts frame headers; a few decode
 * all frames, to measure rows and latency. They use just enough of each server's protocol to
 * subscribe.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { answer, cpuMeter } from "./child.ts";

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

const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

let clients: Client[] = [];
let latencies: number[] = [];

function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const header =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255]);
  for (let index = 0; index < payload.length; index++)
    payload[index] = (payload[index] as number) ^ (mask[index % 4] as number);
  return Buffer.concat([header, mask, payload]);
}

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

function onText(client: Client, dialect: Dialect, text: string, isDecoding: boolean): void {
  if (dialect === "socket.io") {
    if (text.startsWith("0{")) client.socket.write(maskedFrame("40"));
    else if (text === "2") client.socket.write(maskedFrame("3"));
    else if (text.startsWith("40")) client.isReady = true;
  } else if (!client.isReady) {
    if (dialect === "tidemark" && text.includes('"HELLO"'))
      client.socket.write(
        maskedFrame(JSON.stringify({ op: "IDENTIFY", subscriptions: ["trades"] })),
      );
    if (dialect === "tidemark" && text.includes('"WATERMARK"')) client.isReady = true;
  }
  if (!isDecoding) return;
  const sentMs = sentMsIn(dialect, text);
  client.rows += sentMs.length;
  const nowMs = performance.timeOrigin + performance.now();
  for (const sent of sentMs) if (latencies.length < 2_000_000) latencies.push(nowMs - sent);
}

function open(port: number, dialect: Dialect, isDecoding: boolean): Promise<Client> {
  return new Promise((resolve, reject) => {
    // One buffer for all sockets: allocating one per read would cost more than all else here.
    const socket = connect({
      port,
      host: "127.0.0.1",
      onread: { buffer: READ_BUFFER, callback: (length, buffer) => onData(buffer, length) },
    });
    const client: Client = { socket, bytes: 0, frames: 0, rows: 0, isReady: false, isDecoding };
    let pending: Buffer = Buffer.alloc(0);
    let isUpgraded = false;
    /** Remaining bytes of the current payload, which a client that does not decode skips. */
    let skip = 0;
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.write(
        `GET ${PATHS[dialect]} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
      );
    });
    const onData = (buffer: Uint8Array, length: number): boolean => {
      if (isUpgraded) client.bytes += length;
      if (skip >= length) {
        skip -= length;
        return true;
      }
      read(Buffer.from(buffer.buffer, buffer.byteOffset + skip, length - skip));
      // The rest of a frame stays until the next read, which overwrites the buffer.
      if (pending.length > 0) pending = Buffer.from(pending);
      return true;
    };
    const read = (data: Buffer): void => {
      skip = 0;
      pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
      if (!isUpgraded) {
        const end = pending.indexOf("\r\n\r\n");
        if (end < 0) return;
        pending = pending.subarray(end + 4);
        isUpgraded = true;
        if (dialect === "ws") client.isReady = true;
        resolve(client);
      }
      for (;;) {
        if (pending.length < 2) return;
        const short = (pending[1] as number) & 127;
        const headerLength = short < 126 ? 2 : short === 126 ? 4 : 10;
        if (pending.length < headerLength) return;
        const length =
          short < 126
            ? short
            : short === 126
              ? pending.readUInt16BE(2)
              : Number(pending.readBigUInt64BE(2));
        const reads = isDecoding || !client.isReady || (dialect === "socket.io" && length < 8);
        if (!reads && pending.length < headerLength + length) {
          skip = headerLength + length - pending.length;
          pending = Buffer.alloc(0);
          client.frames++;
          return;
        }
        if (pending.length < headerLength + length) return;
        if (reads)
          onText(
            client,
            dialect,
            pending.toString("utf8", headerLength, headerLength + length),
            isDecoding,
          );
        client.frames++;
        pending = pending.subarray(headerLength + length);
      }
    };
  });
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
